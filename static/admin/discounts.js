/* The form of a discount shows what belongs to what was chosen, and says beside it what the discount would do.
   Without scripts all fields are there, and the page of the discount says it. */
(function () {
  "use strict";
  var form = document.getElementById("discount"), place = document.getElementById("trial"), waiting = 0, asked = 0;
  if (!form) { return; }
  function arrange() {
    form.querySelectorAll("[data-when]").forEach(function (box) {
      box.hidden = box.getAttribute("data-is").split(" ").indexOf(form.elements[box.getAttribute("data-when")].value) < 0;
    });
  }
  function ask() {
    var sent = new URLSearchParams(new FormData(form)), mine = ++asked;
    sent.delete("form_token");
    fetch(form.getAttribute("data-trial"), { method: "POST", body: sent, credentials: "same-origin", headers: { "X-Requested-With": "fetch" } })
      .then(function (answer) { if (!answer.ok || answer.redirected) { throw new Error(answer.status); } return answer.text(); })
      .then(function (html) { if (mine === asked) { place.innerHTML = html; } })
      .catch(function () { /* what it does is said on its page once it is saved */ });
  }
  form.addEventListener("input", function () { arrange(); window.clearTimeout(waiting); waiting = window.setTimeout(ask, 400); });
  form.addEventListener("change", arrange);
  arrange();
})();
