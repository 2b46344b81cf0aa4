/* Choosing another package or period brings its periods, options and figures into the page; other fields only the
   figures. Without scripts the page has a button for it, and the review says the same. */
(function () {
  "use strict";
  var form = document.getElementById("change-form"), waiting = 0, asked = 0;
  if (!form) { return; }
  document.querySelectorAll(".hide-no-script").forEach(function (one) { one.classList.remove("hide-no-script"); });

  function ask(all) {
    var sent = new FormData(form), mine = ++asked;
    sent.append("show", "1");
    form.setAttribute("aria-busy", "true");
    fetch(form.action, { method: "POST", body: sent, credentials: "same-origin" })
      .then(function (answer) { if (answer.redirected) { throw new Error("redirected"); } return answer.text(); })
      .then(function (html) {
        if (mine !== asked) { return; }
        var fresh = new DOMParser().parseFromString(html, "text/html");
        (all ? ["change-terms", "change-effect", "change-verbs"] : ["change-effect"]).forEach(function (id) {
          var old = document.getElementById(id), part = fresh.getElementById(id);
          if (old && part) { old.replaceChildren.apply(old, Array.prototype.slice.call(part.childNodes)); }
        });
        form.removeAttribute("aria-busy");
      })
      .catch(function () { if (mine === asked) { form.removeAttribute("aria-busy"); } /* the review says it all */ });
  }

  form.addEventListener("change", function (e) {
    window.clearTimeout(waiting);
    ask(e.target.getAttribute("data-asks") === "page");
  });
  form.addEventListener("input", function (e) {
    if (e.target.matches("[type=radio],[type=checkbox],[type=search],select")) { return; }
    window.clearTimeout(waiting);
    waiting = window.setTimeout(ask, 500, false);
  });
  document.addEventListener("input", function (e) {
    var name = e.target.getAttribute && e.target.getAttribute("data-narrows");
    if (!name) { return; }
    var words = e.target.value.trim().toLowerCase();
    document.getElementById(name).querySelectorAll(".choice").forEach(function (one) {
      one.hidden = one.textContent.toLowerCase().indexOf(words) < 0 && !one.querySelector(":checked");
    });
    document.getElementById(name).querySelectorAll(".choice-heading").forEach(function (one) {
      for (var next = one.nextElementSibling; next && next.hidden; next = next.nextElementSibling) { /* look on */ }
      one.hidden = !next || next.matches(".choice-heading");
    });
  });
})();
