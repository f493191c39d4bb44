"""Run by `test_mosip_sdk.py` with the SDK's own interpreter: five calls, each result as one JSON line.

Arguments: base URL of IDA, folder with `ida.pem` and `partner.p12`, the three path keys.
"""

import json
import logging
import sys
from types import SimpleNamespace

from mosip_auth_sdk import MOSIPAuthenticator
from mosip_auth_sdk.models import DemographicsModel

url, folder, misp_key, partner_id, api_key = sys.argv[1:]
partner = f"{folder}/partner.p12"
config = SimpleNamespace(
    mosip_auth=SimpleNamespace(
        timestamp_format="%Y-%m-%dT%H:%M:%S",
        ida_auth_version="1.0",
        ida_auth_request_demo_id="mosip.identity.auth",
        ida_auth_request_kyc_id="mosip.identity.kyc",
        ida_auth_request_otp_id="mosip.identity.otp",
        ida_auth_env="Staging",
        authorization_header_constant="Authorization",
        partner_apikey=api_key,
        partner_misp_lk=misp_key,
        partner_id=partner_id,
    ),
    mosip_auth_server=SimpleNamespace(ida_auth_domain_uri="https://ida.example", ida_auth_url=url),
    crypto_encrypt=SimpleNamespace(
        symmetric_key_size=256,
        symmetric_nonce_size=128,
        symmetric_gcm_tag_size=128,
        encrypt_cert_path=f"{folder}/ida.pem",
        decrypt_p12_file_path=partner,
        decrypt_p12_file_password="test",
    ),
    crypto_signature=SimpleNamespace(algorithm="RS256", sign_p12_file_path=partner, sign_p12_file_password="test"),
)
sdk = MOSIPAuthenticator(config=config, logger=logging.getLogger("sdk"))


def call(method: str, uin: str, name: str, *, consent: bool = True, language: str = "eng") -> None:
    person = DemographicsModel(name=[{"language": language, "value": name}])
    ask = getattr(sdk, method)
    answer = ask(individual_id=uin, individual_id_type="UIN", demographic_data=person, consent=consent).json()
    found = {"errors": answer["errors"], "response": answer["response"]}
    if method == "kyc" and not answer["errors"]:
        found["identity"] = sdk.decrypt_response(answer)
    sys.stdout.write(json.dumps(found) + "\n")


call("auth", "198512304567", "Nimal Perera")
call("kyc", "198512304567", "නිමල් පෙරේරා", language="sin")
call("auth", "198512304567", "Somebody Else")
call("kyc", "199912304567", "Nimal Perera")
call("auth", "198512304567", "Nimal Perera", consent=False)
