/* Choosing columns: rows are dragged, and the arrows move them without asking the server again. */
(function () {
  "use strict";
  var form = document.querySelector("[data-columns]"), list = form && form.querySelector(".column-list");
  if (!list) { return; }
  var status = form.querySelector("[data-moved]"), dragged = null;

  function tell(row) {
    var place = Array.prototype.indexOf.call(list.children, row) + 1;
    status.textContent = status.getAttribute("data-moved").replace("%name", row.querySelector("label").textContent.trim()).replace("%place", place);
  }

  list.addEventListener("click", function (e) {
    var button = e.target.closest("button[name=move]");
    if (e.target.matches("[data-fixed]")) { e.preventDefault(); }
    if (!button) { return; }
    e.preventDefault();
    var row = button.closest("li"), up = button.value.indexOf("up:") === 0;
    var other = up ? row.previousElementSibling : row.nextElementSibling;
    if (other) { list.insertBefore(up ? row : other, up ? other : row); button.focus(); tell(row); }
  });

  /* A pointer works with fingers too; the browser's own dragging does not. */
  list.addEventListener("pointerdown", function (e) {
    var grip = e.target.closest(".grip");
    if (!grip) { return; }
    e.preventDefault();
    dragged = grip.closest("li");
    dragged.classList.add("is-dragged");
    list.setPointerCapture(e.pointerId);
  });
  list.addEventListener("pointermove", function (e) {
    if (!dragged) { return; }
    var under = Array.prototype.find.call(list.children, function (row) {
      var box = row.getBoundingClientRect();
      return row !== dragged && e.clientY > box.top && e.clientY < box.bottom;
    });
    if (!under) { return; }
    var box = under.getBoundingClientRect(), after = e.clientY > box.top + box.height / 2;
    list.insertBefore(dragged, after ? under.nextElementSibling : under);
  });
  ["pointerup", "pointercancel"].forEach(function (name) {
    list.addEventListener(name, function () {
      if (!dragged) { return; }
      dragged.classList.remove("is-dragged");
      tell(dragged);
      dragged = null;
    });
  });
})();
