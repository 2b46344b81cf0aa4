/* Files dragged onto the box are uploaded; without scripts one chooses them. */
(function () {
  "use strict";
  document.querySelectorAll("[data-dropzone]").forEach(function (form) {
    var input = form.querySelector("input[type=file]");
    ["dragover", "drop"].forEach(function (kind) {
      form.addEventListener(kind, function (e) { e.preventDefault(); });
    });
    form.addEventListener("drop", function (e) {
      if (e.dataTransfer.files.length) {
        input.files = e.dataTransfer.files;
        form.requestSubmit();
      }
    });
  });
})();
