// What Tab has to reach, in order, and a watch over what it does reach: whether one sees where the focus is.
() => {
  const kinds = "input:not([type=hidden]), select, textarea, button, a[href], summary, [tabindex='0']";
  const isStop = (each) => {
    if (each.disabled || each.tabIndex < 0 || !each.checkVisibility({ visibilityProperty: true })) return false;
    if (each.type !== "radio" || !each.form) return true;
    const group = [...each.form.elements].filter((one) => one.type === "radio" && one.name === each.name);
    return each === (group.find((one) => one.checked) || group[0]);
  };
  const all = [...document.querySelectorAll(kinds)].filter(isStop);
  const drawn = (each) =>
    [each, each.nextElementSibling, each.firstElementChild].filter(Boolean).flatMap((one) => {
      const own = getComputedStyle(one), before = getComputedStyle(one, "::before");
      return [own.outline, own.boxShadow, own.backgroundColor, own.border, own.stroke, before.boxShadow, before.outline];
    }).join("|");
  const before = new Map(all.map((each) => [each, drawn(each)]));
  window.walked = { order: [], unseen: [] };
  document.addEventListener("focusin", ({ target }) => {
    const box = target.getBoundingClientRect();
    const inside = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight;
    window.walked.order.push(all.indexOf(target));
    if (before.get(target) === drawn(target) || !inside) window.walked.unseen.push(target.outerHTML.slice(0, 200));
  });
  return [all.length, all.filter((each) => ["date", "datetime-local", "time"].includes(each.type)).length];
}
