/* A made-up password in both fields, shown so that it can be handed over; without scripts the fields are typed by hand. */
(function () {
  "use strict";
  var LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"; /* easy to read aloud: no l, o, 0, 1 */
  function generated() {
    /* 32 letters: each of the 16 takes five bits, so no letter is likelier than another. */
    var bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.prototype.map.call(bytes, function (b, i) { return (i && i % 4 === 0 ? "-" : "") + LETTERS[b & 31]; }).join("");
  }
  document.querySelectorAll("[data-passwords]").forEach(function (box) {
    var fields = box.querySelectorAll("[data-password]"), copy = box.querySelector("[data-copy]"), told = box.querySelector("[data-told]");
    box.querySelectorAll(".needs-script").forEach(function (part) { part.hidden = false; });
    box.querySelector("[data-generate]").addEventListener("click", function () {
      var made = generated();
      fields.forEach(function (field) { field.value = made; field.type = "text"; field.removeAttribute("aria-invalid"); });
      copy.hidden = !navigator.clipboard;
      fields[0].focus();
      fields[0].select();
    });
    copy.addEventListener("click", function () {
      navigator.clipboard.writeText(fields[0].value).then(function () { told.textContent = copy.dataset.done; copy.querySelector("span").textContent = copy.dataset.done; });
    });
  });
})();
