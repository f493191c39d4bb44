// What a page is made of, without its words: elements, their classes and states, and which of them are empty.
() => {
  const named = ["href", "id", "name", "value", "for", "src", "content", "datetime", "title", "action", "d", "alt",
    "aria-label", "aria-labelledby", "aria-describedby", "aria-controls"];
  const worded = (one) => named.includes(one.name) || one.name.startsWith("data-");
  const own = (each) =>
    [...each.attributes].map((one) => (worded(one) ? `${one.name}:${one.value !== ""}` : `${one.name}=${one.value}`));
  const bones = (each) => {
    const part = (one) => (one.tagName ? bones(one) : one.nodeType === 3 && one.data.trim() ? "word" : "");
    const inside = [...each.childNodes].map(part);
    const kept = inside.filter((one, at, all) => one && one !== all[at - 1]);
    return `${each.tagName}[${own(each).join(" ")}]{${kept.join(",")}}`;
  };
  return bones(document.documentElement);
}
