/* A button that copies what is in the field beside it. */
(function () {
  "use strict";
  document.querySelectorAll("[data-copy-box]").forEach(function (box) {
    var field = box.querySelector("input"), button = box.querySelector("[data-copy-value]");
    field.addEventListener("focus", function () { field.select(); });
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(field.value).then(function () { button.querySelector("span").textContent = button.dataset.copyValue; });
    });
  });
})();
