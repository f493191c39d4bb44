"""How the settings want the gateway's own keys to be kept: in plain files, encrypted, or in a security module."""

from pathlib import Path

from .settings import SettingError, Settings
from .trust.keystore import Care
from .trust.module_keys import ModuleKeys
from .trust.vault import vault_of


def key_care(settings: Settings) -> Care:
    """The vault and the module, opened.

    Raises:
        KeyFileBroken: the keystore's settings do not fit, production wants the keys encrypted, or the module is shut.
        SettingError: the module's settings are not complete.
    """
    folder = settings.data_dir / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, passphrase = settings.secret("KEYSTORE_KEY"), settings.secret("KEYSTORE_PASSPHRASE")
    vault = vault_of(folder, key, passphrase, strict=settings.is_production)
    library, label, pin = settings["PKCS11_MODULE"], settings["PKCS11_TOKEN_LABEL"], settings.secret("PKCS11_PIN")
    if not library:
        return Care(vault)
    if not label or not pin:
        raise SettingError("SANDHI_PKCS11_MODULE needs SANDHI_PKCS11_TOKEN_LABEL and SANDHI_PKCS11_PIN_FILE as well")
    return Care(vault, ModuleKeys(Path(library), label, pin))
