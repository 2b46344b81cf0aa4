/* A message is kept while one types, its panels follow, and {{ offers the fields. Without scripts: Save draft. */
(function () {
  "use strict";
  var form = document.getElementById("compose"), aside = document.getElementById("aside"), state = document.querySelector(".draft-state");
  if (!form) { return; }
  var waiting = 0, busy = false, again = false;

  function show(words) { state.lastElementChild.textContent = words; }
  function reader() { var p = aside.querySelector("[data-reader]"); return p ? p.getAttribute("data-reader") : ""; }
  function channels() {
    form.classList.toggle("no-mail", !form.elements.by_mail.checked);
    form.classList.toggle("templated", Boolean(form.elements.template && form.elements.template.value));
    form.classList.toggle("no-text", !form.elements.by_text.checked);
  }
  function keep() {
    if (busy) { again = true; return; }
    busy = true; again = false;
    var sent = new FormData(form);
    sent.delete("files");
    fetch(form.getAttribute("data-keep") + "&for=" + reader(), { method: "POST", body: sent, credentials: "same-origin", headers: { "X-Requested-With": "fetch" } })
      .then(function (answer) { if (!answer.ok || answer.redirected) { throw new Error(answer.status); } return answer.text(); })
      .then(function (html) {
        aside.innerHTML = html;
        show(state.getAttribute("data-saved").replace("{time}", new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })));
      })
      .catch(function () { show(state.getAttribute("data-failed")); })
      .finally(function () { busy = false; if (again) { keep(); } });
  }
  form.addEventListener("input", function (e) {
    if (e.target.type === "file" || e.target.name === "number") { return; }
    if (e.target.name === "send_at") { form.querySelector("[name=send_when][value=at]").checked = true; }
    channels();
    window.clearTimeout(waiting);
    waiting = window.setTimeout(keep, 700);
  });
  form.addEventListener("change", function (e) { if (e.target.type === "file" && e.target.files.length) { form.requestSubmit(form.querySelector("[value=attach]")); } });
  channels();
  form.classList.add("with-scripts");

  /* the fields, offered at the caret */
  var fields = Array.prototype.map.call(document.querySelectorAll("[data-fields] > div"), function (row) {
    return [row.querySelector("code").textContent, row.querySelector("dd").textContent];
  });
  var box = document.createElement("ul"), target = null, active = 0;
  box.className = "merge-box"; box.id = "merge-box"; box.hidden = true; box.setAttribute("role", "listbox");
  document.body.appendChild(box);

  function begun() {
    var before = target.value.slice(0, target.selectionStart), found = /\{\{\s*([\w.]*)$/.exec(before);
    return found ? { at: found.index, words: found[1].toLowerCase() } : null;
  }
  function close() { box.hidden = true; if (target) { target.removeAttribute("aria-activedescendant"); } }
  function mark(n) {
    active = (n + box.children.length) % box.children.length;
    Array.prototype.forEach.call(box.children, function (li, i) { li.setAttribute("aria-selected", String(i === active)); });
    target.setAttribute("aria-activedescendant", box.children[active].id);
    box.children[active].scrollIntoView({ block: "nearest" });
  }
  function offer() {
    var here = begun();
    if (!here) { close(); return; }
    var fits = fields.filter(function (one) { return (one[0] + " " + one[1]).toLowerCase().indexOf(here.words) >= 0; });
    if (!fits.length) { close(); return; }
    box.replaceChildren.apply(box, fits.map(function (one, i) {
      var li = document.createElement("li"), code = document.createElement("code"), words = document.createElement("span");
      li.id = "merge-" + i; li.setAttribute("role", "option"); li.setAttribute("data-field", one[0]);
      code.textContent = one[0]; words.textContent = one[1];
      li.append(code, words);
      return li;
    }));
    var place = target.getBoundingClientRect();
    box.hidden = false;
    box.classList.toggle("above", false);
    var line = target.tagName === "TEXTAREA" ? Math.min(place.height, 1.5 * 16 * (target.value.slice(0, here.at).split("\n").length + 1) - target.scrollTop) : place.height;
    box.setAttribute("data-place", "");
    placeAt(place.left + window.scrollX + 12, place.top + window.scrollY + Math.max(line, 32));
    mark(0);
  }
  /* the policy of the page allows no style attributes; properties set by a script are none */
  function placeAt(x, y) { box.style.setProperty("left", x + "px"); box.style.setProperty("top", y + "px"); }
  function take(li) {
    var here = begun(), name = li.getAttribute("data-field"), end = target.selectionStart;
    var rest = target.value.slice(end).replace(/^\s*\}\}/, "");
    target.value = target.value.slice(0, here.at) + name + rest;
    target.selectionStart = target.selectionEnd = here.at + name.length;
    close(); target.focus();
    target.dispatchEvent(new Event("input", { bubbles: true }));
    close();
  }
  document.addEventListener("input", function (e) { if (e.target.matches("[data-merge]")) { target = e.target; target.setAttribute("aria-controls", "merge-box"); offer(); } });
  document.addEventListener("keydown", function (e) {
    if (box.hidden || e.target !== target) { return; }
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); mark(active + (e.key === "ArrowDown" ? 1 : -1)); }
    if (e.key === "Enter" || e.key === "Tab") { e.preventDefault(); take(box.children[active]); }
    if (e.key === "Escape") { e.preventDefault(); close(); }
  });
  box.addEventListener("mousedown", function (e) { var li = e.target.closest("li"); if (li) { e.preventDefault(); take(li); } });
  document.addEventListener("focusout", function (e) { if (e.target === target) { close(); } });

  /* a click on a field of the list puts it where the caret is */
  var last = form.elements.body;
  form.addEventListener("focusin", function (e) { if (e.target.matches("[data-merge]")) { last = e.target; } });
  document.querySelectorAll("[data-fields] > div").forEach(function (row) {
    var code = row.querySelector("code"), button = document.createElement("button");
    button.type = "button"; button.className = "field-btn"; button.textContent = code.textContent;
    code.replaceWith(button);
    button.addEventListener("click", function () {
      last.setRangeText(button.textContent, last.selectionStart, last.selectionEnd, "end");
      last.focus();
      last.dispatchEvent(new Event("input", { bubbles: true }));
    });
  });
})();
