/* The editor of a template of documents: the preview follows what is chosen, the frame is as high as its page. */
(function () {
  "use strict";
  var form = document.getElementById("look"), frame = document.getElementById("preview-page"), waiting = 0, asked = 0;

  function fit() {
    var inside = frame && frame.contentDocument && frame.contentDocument.documentElement;
    if (inside) { frame.style.height = Math.min(Math.max(inside.scrollHeight + 2, 240), 1600) + "px"; }
  }
  if (frame) { frame.addEventListener("load", fit); fit(); window.addEventListener("resize", fit); }
  if (!form) { return; }

  function say(id, words) {
    var place = document.getElementById(id), inner = place.querySelector("span") || place;
    place.hidden = !words; inner.textContent = words;
  }
  function show(found) {
    var pages = document.getElementById("preview-pages");
    say("preview-trouble", found.trouble); say("preview-hint", found.hint);
    document.getElementById("preview-whose").textContent = found.whose;
    if (found.trouble) { return; }
    if (frame) { frame.srcdoc = found.html.replace("<style>", '<style nonce="' + frame.getAttribute("data-nonce") + '">'); }
    if (pages) {
      pages.replaceChildren.apply(pages, found.pages.map(function (page, i) {
        var picture = document.createElement("img");
        picture.src = page; picture.alt = pages.getAttribute("data-alt") + " " + (i + 1);
        return picture;
      }));
    }
  }
  function ask() {
    var mine = ++asked;
    fetch(form.getAttribute("data-preview"), { method: "POST", body: new FormData(form), credentials: "same-origin" })
      .then(function (answer) { return answer.ok ? answer.json() : null; })
      .then(function (found) { if (found && mine === asked) { show(found); } })
      .catch(function () { /* the button asks again */ });
  }
  function later() { window.clearTimeout(waiting); waiting = window.setTimeout(ask, 400); }
  form.addEventListener("input", later);
  form.addEventListener("change", later);
  document.getElementById("invoice").addEventListener("change", later);  // stands outside of the form
})();
