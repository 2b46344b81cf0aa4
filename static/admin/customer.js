/* The page of a customer without waiting: a card turns into its form and back, and what was saved is shown at once.
   Without this script each link and form does the same by loading the page again. */
(function () {
  "use strict";
  function card(name) { return document.getElementById("card-" + name); }
  function parsed(html) { return new DOMParser().parseFromString(html, "text/html"); }

  /* the card alone, as the address shows it */
  function flip(link) {
    var name = link.getAttribute("data-card"), place = card(name);
    fetch(link.href, { credentials: "same-origin", headers: { "X-Card": name } })
      .then(function (answer) { if (!answer.ok || answer.redirected) { throw new Error(answer.status); } return answer.text(); })
      .then(function (html) {
        var fresh = parsed(html).getElementById("card-" + name);
        if (!fresh) { throw new Error("no card"); }
        place.replaceWith(fresh);
        var first = fresh.querySelector("form[data-card] :is(input:not([type=hidden]),select,textarea)") || fresh.querySelector("a[data-card]");
        if (first) { first.focus(); }
        document.dispatchEvent(new Event("tillbook:fresh"));
      })
      .catch(function () { window.location.href = link.href; });
  }

  /* everything on the page that may have changed; forms that are open elsewhere stay as they are */
  function refresh(page, name) {
    var open = Array.prototype.filter.call(document.querySelectorAll(".card.editing,#card-registered:has(form)"), function (c) { return c.id !== "card-" + name; }).map(function (c) { return c.id; });
    page.querySelectorAll("[data-fresh]").forEach(function (part) {
      var old = document.querySelector("[data-fresh=" + part.getAttribute("data-fresh") + "]");
      if (old && !open.some(function (id) { return old.querySelector("#" + id); })) { old.replaceWith(part); }
    });
    page.querySelectorAll("section.card[id]").forEach(function (part) {
      var old = document.getElementById(part.id);
      if (old && open.indexOf(part.id) < 0) { old.replaceWith(part); }
    });
    document.querySelectorAll("main > .alert").forEach(function (a) { a.remove(); });
    page.querySelectorAll("main > .alert").forEach(function (a) { document.getElementById("main").prepend(a); });
    var toasts = document.querySelector(".toasts"), said = page.querySelector(".toasts");
    if (toasts && said) { toasts.replaceChildren.apply(toasts, Array.prototype.slice.call(said.children)); }
    document.dispatchEvent(new Event("tillbook:fresh"));
  }

  function send(form, button) {
    var name = form.getAttribute("data-card"), data = new FormData(form);
    if (button && button.name) { data.append(button.name, button.value); }
    form.setAttribute("aria-busy", "true");
    fetch(form.action, { method: "POST", body: data, credentials: "same-origin" })
      .then(function (answer) {
        if (!answer.ok) { throw new Error(answer.status); }
        return answer.text().then(function (html) {
          var page = parsed(html);
          if (!page.getElementById("main")) { throw new Error("no page"); }
          refresh(page, name);
          var place = card(name), wrong = place && place.querySelector("[aria-invalid=true],.differs input,[role=alert]");
          var next = wrong || (place && (place.querySelector("a[data-card],button[aria-pressed=true]")));
          if (next) { next.focus(); }
        });
      })
      .catch(function () { form.removeAttribute("data-card"); form.requestSubmit(button || undefined); });
  }

  document.addEventListener("click", function (e) {
    var link = e.target.closest("a[data-card]");
    if (link && card(link.getAttribute("data-card")) && !e.ctrlKey && !e.metaKey && !e.shiftKey) { e.preventDefault(); flip(link); }
  });
  document.addEventListener("submit", function (e) {
    var form = e.target;
    if (!form.matches("form[data-card]") || e.defaultPrevented) { return; }
    e.preventDefault();
    if (form.getAttribute("aria-busy") !== "true") { send(form, e.submitter); }
  });
})();
