"""What the forms of the console call a field: for messages, which people read. Each is a key of `pages/words/`."""

from collections.abc import Mapping

from pydantic import BaseModel

LABELS: Mapping[str, str] = {
    "adapter": "Short name of the adapter",
    "agreement": "Agreement",
    "case": "Case",
    "code": "Code",
    "consumer": "Who asked",
    "contact": "Technical contact",
    "DraftIn.kind": "How is your system asked?",
    "DraftIn.service": "Short name of what it answers",
    "DraftIn.source": "One answer of your system, or its WSDL",
    "ends_at": "Until",
    "every": "Whenever this is over",
    "exchange": "Exchange",
    "expires_at": "Until",
    "fields": "Fields",
    "from": "From",
    "id": "Identifier",
    "issuer": "Identity provider",
    "jwks": "Public key",
    "kid": "Key",
    "kind": "Kind",
    "known_at": "Known since",
    "member": "Member",
    "month": "Month",
    "name": "Name",
    "officer": "Officer",
    "ours": "It means",
    "outcome": "Outcome",
    "provider": "Who was asked",
    "purpose": "Purpose",
    "reason": "Why",
    "record": "Record",
    "remark": "Remark",
    "report": "Report",
    "role": "Role",
    "service": "Service",
    "share": "Share, in per cent",
    "signature": "Signature",
    "since": "From",
    "size": "Size",
    "source": "Source",
    "starts_at": "From",
    "state": "State",
    "statement": "What is wrong",
    "subject": "Number",
    "OfficerIn.subject": "Name at the identity provider",
    "system": "System",
    "territory": "For which territory",
    "text": "Remark",
    "to": "To",
    "type": "Kind of number",
    "until": "To",
    "value": "Number",
    "verdict": "Verdict",
    "way": "How it runs",
}


def label_of(shape: type[BaseModel], field: str) -> str:
    """A field of a body of the API; empty for what no form asks for."""
    return LABELS.get(f"{shape.__name__}.{field}") or LABELS.get(field, "")
