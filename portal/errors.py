"""What stops or refuses at the portal.

PortalError
├── StartRefused        a setting, a file or a port: the command ends with one line
├── SignInRefused       the login's answer is not accepted
├── GatewayUnreachable  no answer of the gateway could be read
├── DossierGone         no such dossier of this visitor
├── DossierSubmitted    it is submitted, and no form changes it any more
├── DossierChanged      it was changed in another window meanwhile
├── TooManyDossiers     this visitor has as many as one may have
├── SignInNeeded        a page for citizens or officers alone
├── OfficerUnknown      an officer whom the portal's account doesn't name
├── FormForged          a form without this visitor's token
└── TooOften            more tries than the rate allows
"""


class PortalError(Exception):
    """The root."""


class StartRefused(PortalError):
    """The program can't start; the text names the setting and what is expected."""


class SignInRefused(PortalError):
    """The login's answer is not accepted; the text says why, without personal data."""


class GatewayUnreachable(PortalError):
    """The gateway gave no readable answer."""


class DossierGone(PortalError):
    """This visitor has no such dossier."""


class DossierSubmitted(PortalError):
    """A form for a dossier that is submitted."""


class DossierChanged(PortalError):
    """The dossier was changed in another window."""


class TooManyDossiers(PortalError):
    """The visitor must delete a dossier before opening another; `limit` is how many one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"at most {limit}")
        self.limit = limit


class OfficerUnknown(PortalError):
    """The portal's account at the gateway doesn't name this officer."""


class SignInNeeded(PortalError):
    """Only a signed-in citizen, or officer, may see this page."""

    def __init__(self, *, officer: bool = False) -> None:
        super().__init__("sign in")
        self.officer = officer


class FormForged(PortalError):
    """A form came without this visitor's token."""


class TooOften(PortalError):
    """A rate is spent; `seconds` says when to come again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds
