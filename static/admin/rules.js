/* The values offered for a condition are those of what it is about. */
document.addEventListener("change", (event) => {
  const field = event.target.closest("[data-rule-field]");
  if (!field) return;
  const value = document.getElementById(field.dataset.ruleField);
  const list = document.getElementById(`known-${field.value}`);
  value.value = "";
  if (list) value.setAttribute("list", list.id);
  else value.removeAttribute("list");
});
