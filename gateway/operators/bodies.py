"""What operators send: shapes, exact; secrets never show in a repr."""

from typing import Annotated

from pydantic import Field

from gateway.edge.bodies import Body
from gateway.operators.model import NAME

OperatorNameText = Annotated[str, Field(pattern=f"^{NAME.pattern}$", examples=["lan.nguyen"])]


class LoginBody(Body):
    """`POST /ops/v1/sessions`."""

    name: OperatorNameText
    password: Annotated[str, Field(min_length=1, max_length=512, repr=False)]
    totp: Annotated[str, Field(pattern=r"^[0-9]{6}$", repr=False, description="The authenticator's code.")]
