"""Writing ISO 20022: elements of one namespace, in the order they are added."""

from dataclasses import dataclass

from lxml import etree


@dataclass(frozen=True, slots=True)
class Below:
    """One element that is being filled."""

    element: etree._Element
    namespace: str

    def add(self, name: str) -> "Below":
        """A child to be filled."""
        return Below(etree.SubElement(self.element, f"{{{self.namespace}}}{name}"), self.namespace)

    def text(self, name: str, text: str, **attributes: str) -> None:
        """A child with text."""
        child = etree.SubElement(self.element, f"{{{self.namespace}}}{name}", attributes)
        child.text = text
