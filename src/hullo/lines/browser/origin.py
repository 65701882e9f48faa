"""Where a page comes from (Fetch, RFC 6454)."""

from yarl import URL


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, as a browser writes an origin. Raises `ValueError` if it has none."""
    try:
        return str(URL(url).origin())
    except ValueError:
        raise ValueError(f"{url!r} is no origin, which looks like https://example.org") from None
