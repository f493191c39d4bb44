"""A person who has a keyboard and nothing else: goes by Tab, types, and presses Enter or Space."""

from browser.levy import SAYS
from browser.visitor import Visitor

FARTHEST = 120
SERVICE = (
    ("Name of your agency", "Levy"),
    ("E-mail of whoever", "a@levy.example"),
    ("What the adapter is for", "A fund."),
    ("What the service answers", SAYS),
    ("Address below the base address", "/members"),
    ("What the question carries", "nationalNumber = identifier:NIC"),
)
"""What the wizard's second page asks at least: how a label begins, and what is written there."""
HERE = """() => {
  const each = document.activeElement, label = each.labels && each.labels[0];
  const named = each.getAttribute("aria-label") || (label ? label.innerText : each.innerText) || "";
  return [each.tagName.toLowerCase() + (each.type ? ":" + each.type : ""), named.trim().replace(/\\s+/g, " ")];
}"""


class Typist:
    """Works on the page of a visitor without a mouse."""

    def __init__(self, visitor: Visitor) -> None:
        self._page = visitor.page

    def to(self, name: str, kind: str = "") -> None:
        """Go on by Tab to what is so called (or begins so), around the page once.

        Args:
            kind: only to an element of this kind: `a`, `button:submit`, `input:text`.
        """
        seen: list[str] = []
        for _ in range(FARTHEST):
            self._page.keyboard.press("Tab")
            found, named = self._page.evaluate(HERE)
            if named.startswith(name) and found.startswith(kind):
                return
            seen.append(f"{found} {named[:40]}")
        raise AssertionError(f"Tab does not lead to {name}: {list(dict.fromkeys(seen))}")

    def press(self, name: str, kind: str = "button") -> None:
        """Go to a button or a link, and press Enter; the next page is there on return."""
        self.to(name, kind)
        with self._page.expect_navigation():
            self._page.keyboard.press("Enter")

    def follow(self, name: str) -> None:
        """As `press`, a link."""
        self.press(name, "a")

    def unfold(self, name: str) -> None:
        """Go to what is folded, and press Enter."""
        self.to(name, "summary")
        self._page.keyboard.press("Enter")

    def type(self, name: str, text: str) -> None:
        """Go to a field and write into it what is typed, instead of what stood there."""
        self.to(name)
        self._page.keyboard.press("Control+a")
        self._page.keyboard.type(text)

    def tick(self, name: str) -> None:
        """Go to a box, or to the first of several choices, and press Space."""
        self.to(name, "input")
        self._page.keyboard.press("Space")

    def choose(self, name: str, starts: str) -> None:
        """Go to a list and type how the choice begins."""
        self.to(name, "select")
        self._page.keyboard.type(starts)

    def signs_in(self, login: str, password: str) -> None:
        """From the page that offers to sign in, or asks for login and password."""
        if "/sign-in" in self._page.url and not self._page.locator("input[name=password]").count():
            self.follow("Sign in")
        self.type("Login", login)
        self.type("Password", password)
        self._page.keyboard.press("Enter")
        self._page.wait_for_url(lambda url: "/sign-in" not in url and "/signed-in/" not in url and "/idp/" not in url)
