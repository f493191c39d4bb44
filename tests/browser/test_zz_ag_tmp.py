from pathlib import Path
from browser.visitor import Visitor
OUT = Path("/tmp/agshots"); OUT.mkdir(exist_ok=True)
PAGES = {"agency": "/console/agency", "systems": "/console/agency/systems", "traffic": "/console/agency/traffic", "unmapped": "/console/agency/unmapped", "adapters": "/console/agency/adapters", "new": "/console/agency/adapters/new", "provided": "/console/agency/provided", "uses": "/console/agency/uses", "health": "/console/agency/health", "agreements": "/console/agency/agreements"}
def test_shots(scripted: Visitor) -> None:
    scripted.sign_in("dme-admin", "/console/agency")
    p = scripted.page
    ones = dict(PAGES)
    scripted.go("/console/agency/provided"); ones["provided-one"] = p.locator("tbody th a").first.get_attribute("href")
    scripted.go("/console/agency/traffic")
    if p.locator("tbody th a").count(): ones["traffic-one"] = p.locator("tbody th a").first.get_attribute("href")
    scripted.go("/console/agency/systems"); ones["system"] = p.locator("tbody th a").first.get_attribute("href")
    for lang in ("en", "si", "ta"):
        for width in (1280, 320):
            if lang == "ta" and width == 1280: continue
            p.set_viewport_size({"width": width, "height": 900})
            for name, path in ones.items():
                scripted.go(path + ("&" if "?" in path else "?") + f"lang={lang}")
                p.screenshot(path=str(OUT / f"{name}-{lang}-{width}.png"), full_page=True)
    scripted.go("/console/agency?lang=en")
