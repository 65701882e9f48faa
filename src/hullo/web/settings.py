"""The section `[web]` of the configuration."""

from pathlib import Path
from typing import Annotated, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, model_validator

from hullo.folders import state_path
from hullo.lines.browser.origin import origin_of
from hullo.section import SECTION, HomePath

Origin: TypeAlias = Annotated[str, AfterValidator(origin_of)]


def default_token_file() -> Path:
    """`$XDG_STATE_HOME/hullo/web-token`, or `~/.local/state/hullo/web-token`."""
    return state_path("web-token")


class WebConfig(BaseModel):
    """The phone in the browser: a page to call and be called with. `hullo web` prints its address."""

    model_config = SECTION

    enabled: bool = False
    """Whether the daemon serves it; `hullo web` does in any case when no daemon runs."""
    host: str = "127.0.0.1"
    """Address to listen on. From another machine, browsers give the page a microphone only over HTTPS."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8766
    """Port to listen on; 0 takes a free one."""
    token_file: HomePath = Field(default_factory=default_token_file)
    """A file, readable by its owner only, with the secret that is in the page's address; made if it is not there."""
    allowed_origins: list[Origin] = []
    """Origins under which browsers see the page when a proxy is in front of it, such as `https://example.org`."""
    certificate: HomePath | None = None
    """TLS certificate chain (PEM) to serve HTTPS with."""
    key: HomePath | None = None
    """The certificate's private key (PEM)."""
    max_pages: Annotated[int, Field(ge=1, le=1000)] = 16
    """Pages that may be open at once."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: set both or none")
        return self
