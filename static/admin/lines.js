/* The editor of lines: figures follow what is typed, buttons change the lines in place, Enter goes to the next line.
   Without scripts every button sends the form and the page comes back with the lines as they are. */
(function () {
  "use strict";
  var form = document.querySelector("form[data-lines]");
  if (!form) { return; }
  var editor = document.getElementById("lines-editor"), sums = document.getElementById("lines-totals"), state = document.querySelector(".draft-state");
  var waiting = 0, busy = false, again = false, stopped = false;

  function body(button) {
    var sent = new URLSearchParams(new FormData(form));
    if (button) { sent.set("do", button.value); } else { sent.delete("form_token"); }
    return sent;
  }
  function post(url, sent) {
    return fetch(url, { method: "POST", body: sent, credentials: "same-origin", headers: { "X-Requested-With": "fetch" } })
      .then(function (answer) { if (!answer.ok || answer.redirected) { throw new Error(answer.status); } return answer; });
  }
  function tell(words) { if (state) { state.textContent = words; } }
  function mark(input, words) {
    var about = document.getElementById(input.id + "-about");
    if (about) { about.remove(); }
    if (!words) { input.removeAttribute("aria-invalid"); input.removeAttribute("aria-describedby"); return; }
    about = document.createElement("p");
    about.className = "error"; about.id = input.id + "-about"; about.textContent = words;
    input.setAttribute("aria-invalid", "true"); input.setAttribute("aria-describedby", about.id);
    input.insertAdjacentElement("afterend", about);
  }
  function show(found) {
    editor.querySelectorAll("[data-line]").forEach(function (row) {
      row.querySelector("[data-amount]").textContent = found.amounts[row.getAttribute("data-line")] || "–";
      if (row.contains(document.activeElement)) { return; } // not while one is at it
      row.querySelectorAll("input, select, textarea").forEach(function (input) { mark(input, found.errors[input.id]); });
    });
    if (found.totals && sums) { sums.innerHTML = found.totals; }
    if (found.version) { form.elements.version.value = found.version; }
    if (found.said) { tell(found.said); }
    stopped = Boolean(found.stop);
  }
  function ask() {
    if (stopped) { return; }
    if (busy) { again = true; return; }
    busy = true; again = false;
    post(form.getAttribute("data-live"), body()).then(function (answer) { return answer.json(); }).then(show)
      .catch(function () { if (state) { tell(state.getAttribute("data-failed")); } })
      .finally(function () { busy = false; if (again) { ask(); } });
  }
  function soon(after) { window.clearTimeout(waiting); waiting = window.setTimeout(ask, after); }
  function rows() { return Array.prototype.slice.call(editor.querySelectorAll("[data-line]")); }
  function focus(row) { var input = row && row.querySelector(".line-description"); if (input) { input.focus(); } }
  function press(button) {
    var row = button.closest("[data-line]"), place = row ? rows().indexOf(row) : -1, verb = button.value.split("-")[0];
    return post(form.action, body(button)).then(function (answer) { return answer.text(); }).then(function (html) {
      var part = new DOMParser().parseFromString(html, "text/html").getElementById("lines-editor");
      if (!part) { throw new Error("no editor"); }
      var before = rows().length;
      editor.replaceWith(document.adoptNode(part));
      editor = document.getElementById("lines-editor");
      var now = rows(), first = editor.querySelector("[data-first]");
      if (first) { first.focus(); }
      else if (verb === "add" || (verb === "take" && now.length >= before)) { focus(now[now.length - 1]); }
      else if (verb === "remove") { focus(now[Math.min(place, now.length - 1)]); }
      else if (verb === "up" || verb === "down") { focus(now[Math.max(0, Math.min(place + (verb === "up" ? -1 : 1), now.length - 1))]); }
      else { (editor.querySelector("#pick_package") || form).focus(); }
      soon(50);
    }).catch(function () { button.disabled = false; form.requestSubmit(button); });
  }
  document.addEventListener("click", function (e) {
    var button = e.target.closest("button[name=do]");
    if (!button || !editor.contains(button)) { return; }
    e.preventDefault();
    press(button);
  });
  form.addEventListener("input", function () { soon(600); });
  form.addEventListener("change", function (e) {
    if (e.target.id === "pick_package" && e.target.value) { press(editor.querySelector("button[value=pick]")); return; }
    soon(200);
  });
  form.addEventListener("keydown", function (e) {
    if ((e.ctrlKey || e.metaKey) && e.key === "Enter") { e.preventDefault(); form.requestSubmit(form.querySelector("[data-save]")); return; }
    var row = e.target.closest && e.target.closest("[data-line]");
    if (!row) { return; }
    if (e.key === "Enter" && e.target.tagName === "INPUT") {
      e.preventDefault();
      var all = rows(), next = all[all.indexOf(row) + 1];
      if (next) { focus(next); } else { press(editor.querySelector("button[value=add]")); }
    } else if (e.altKey && (e.key === "ArrowUp" || e.key === "ArrowDown")) {
      var button = row.querySelector("button[value^=" + (e.key === "ArrowUp" ? "up-" : "down-") + "]");
      if (button) { e.preventDefault(); press(button); }
    }
  });
})();
