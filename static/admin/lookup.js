/* A field that names a customer asks for suggestions while one types; without scripts the page asks when it is sent. */
(function () {
  "use strict";
  var waiting = 0;
  function suggest(input) {
    var list = document.getElementById(input.getAttribute("list")), words = input.value.trim();
    if (!words || /\(No\. \d+\)$/.test(words)) { return; }
    fetch(input.getAttribute("data-lookup") + "?query=" + encodeURIComponent(words), { credentials: "same-origin" })
      .then(function (answer) { return answer.ok ? answer.json() : []; })
      .then(function (found) {
        if (input.value.trim() !== words) { return; }
        list.replaceChildren.apply(list, found.map(function (one) {
          var option = document.createElement("option");
          option.value = one[1];
          option.label = one[1] + " · " + one[2];
          return option;
        }));
      })
      .catch(function () { /* the page itself says what is wrong once it is sent */ });
  }
  document.addEventListener("input", function (e) {
    if (!e.target.matches("[data-lookup]")) { return; }
    window.clearTimeout(waiting);
    waiting = window.setTimeout(suggest, 150, e.target);
  });
})();
