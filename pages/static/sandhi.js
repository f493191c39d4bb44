// Comfort only: every page works without this file.
import { initAll } from "./vendor/govuk-frontend.min.js";

const start = (scope) => initAll({ scope });

document.body.classList.add("js-enabled", "govuk-frontend-supported");
start(document.body);
document.body.addEventListener("htmx:after:swap", (event) => start(event.target));

// A list that an officer filters is asked again as soon as a choice changes; the button stays for everyone else.
for (const form of document.querySelectorAll("form[data-instant]")) {
  form.addEventListener("change", () => form.requestSubmit());
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
