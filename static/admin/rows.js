/* Rows of a form come and go without loading the page again: the button is sent as it would be, and the form that
   comes back takes the place of the old one. Without this script the page is loaded again. */
(function () {
  "use strict";
  function last(form, name) {
    var inputs = form.querySelectorAll("[name^='" + name + "-']:not([type=hidden])");
    var rows = Array.prototype.filter.call(inputs, function (i) { return i.matches("input,select,textarea"); });
    return rows.length ? rows[rows.length - 1].closest(name === "options" || name === "packages" ? ".option-rows" : "tr") : null;
  }

  function swap(form, button) {
    var data = new FormData(form), name = button.name, value = button.value;
    data.append(name, value);
    form.setAttribute("aria-busy", "true");
    fetch(form.action, { method: "POST", body: data, credentials: "same-origin" })
      .then(function (answer) { if (!answer.ok || answer.redirected) { throw new Error(answer.status); } return answer.text(); })
      .then(function (html) {
        var fresh = new DOMParser().parseFromString(html, "text/html").querySelector("form[data-rows]");
        if (!fresh) { throw new Error("no form"); }
        form.replaceChildren.apply(form, Array.prototype.slice.call(fresh.childNodes));
        form.removeAttribute("aria-busy");
        var place = name === "add" ? last(form, value) : null;
        var first = place && place.querySelector("input:not([type=hidden]),select");
        var again = form.querySelector("button[name=add][value='" + (name === "add" ? value : value.replace(/-\d+$/, "")) + "']");
        (first || again || form).focus();
      })
      .catch(function () { form.removeAttribute("data-rows"); form.requestSubmit(button); });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("form[data-rows] button[name=add],form[data-rows] button[name=remove],form[data-rows] button[name=up]");
    if (!button || !button.form.hasAttribute("data-rows")) { return; }
    event.preventDefault();
    if (button.form.getAttribute("aria-busy") !== "true") { swap(button.form, button); }
  });
})();
