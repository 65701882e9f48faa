"""What every section of the configuration is made of."""

from pathlib import Path
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field

HomePath: TypeAlias = Annotated[Path, AfterValidator(Path.expanduser)]
"""A path in which `~` is the home of the user."""

Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]

SECTION: Final = ConfigDict(
    extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True, str_strip_whitespace=True
)
"""Unknown keys are refused, no value is changed later, and none is shown in an error."""
