/* While one chooses how services end: what it comes to is asked of the server and put beside the form. Without scripts
   there is a button for it, and nothing is done that was not shown. */
(function () {
  "use strict";
  var form = document.querySelector("form[data-effect]"), waiting = 0, asked = 0;
  if (!form) { return; }
  form.querySelectorAll(".needs-no-script").forEach(function (one) { one.hidden = true; });

  function ask() {
    var sent = new FormData(form), mine = ++asked;
    sent.append("show", "1");
    form.setAttribute("aria-busy", "true");
    fetch(form.action, { method: "POST", body: sent, credentials: "same-origin" })
      .then(function (answer) { if (answer.redirected) { throw new Error("redirected"); } return answer.text(); })
      .then(function (html) {
        if (mine !== asked) { return; }
        var fresh = new DOMParser().parseFromString(html, "text/html");
        ["effect", "effect-tables"].forEach(function (id) {
          var old = document.getElementById(id), part = fresh.getElementById(id);
          if (old && part) { old.replaceChildren.apply(old, Array.prototype.slice.call(part.childNodes)); }
        });
        form.removeAttribute("aria-busy");
      })
      .catch(function () { if (mine === asked) { form.removeAttribute("aria-busy"); } /* sending it shows it too */ });
  }
  form.addEventListener("change", function (event) {
    if (event.target.name === "on" && form.querySelector("[name=when][value=on]")) { form.querySelector("[name=when][value=on]").checked = true; }
    window.clearTimeout(waiting);
    waiting = window.setTimeout(ask, 50);
  });
})();
