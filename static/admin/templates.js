/* The editor of a template: fields are offered after two braces, and the preview follows what is typed. */
(function () {
  "use strict";
  var form = document.getElementById("template-words"), waiting = 0, asked = 0;
  if (!form) { return; }
  var known = Array.prototype.map.call(document.querySelectorAll("[data-put]"), function (one) {
    return { path: one.getAttribute("data-path"), put: one.getAttribute("data-put"), about: one.closest("tr").cells[1].textContent };
  });

  // The list of fields below what is typed into.
  var list = document.createElement("ul"), area = null, chosen = -1, shown = [];
  list.className = "field-offers";
  list.id = "field-offers";
  list.setAttribute("role", "listbox");
  list.hidden = true;

  function begun() {
    var before = area.value.slice(0, area.selectionStart);
    return /\{\{\s*([\w.]*)$/.exec(before);
  }
  function close() {
    list.hidden = true; chosen = -1;
    if (area) { area.removeAttribute("aria-activedescendant"); area.setAttribute("aria-expanded", "false"); }
  }
  function mark(number) {
    chosen = (number + shown.length) % shown.length;
    Array.prototype.forEach.call(list.children, function (item, i) { item.setAttribute("aria-selected", i === chosen ? "true" : "false"); });
    list.children[chosen].scrollIntoView({ block: "nearest" });
    area.setAttribute("aria-activedescendant", list.children[chosen].id);
  }
  function offer() {
    var found = begun();
    if (!found) { close(); return; }
    var typed = found[1].toLowerCase();
    shown = known.filter(function (one) { return one.put.slice(0, 2) === "{{" && one.path.toLowerCase().indexOf(typed) >= 0; }).slice(0, 8);
    if (!shown.length) { close(); return; }
    list.replaceChildren.apply(list, shown.map(function (one, i) {
      var item = document.createElement("li"), name = document.createElement("code"), about = document.createElement("span");
      item.id = "field-offer-" + i; item.setAttribute("role", "option");
      name.textContent = one.path; about.textContent = one.about;
      item.append(name, about);
      return item;
    }));
    area.insertAdjacentElement("afterend", list);
    list.hidden = false; area.setAttribute("aria-expanded", "true"); area.setAttribute("aria-controls", list.id);
    mark(0);
  }
  function take(one) {
    var found = begun(), end = area.selectionStart, start = end - found[0].length;
    var after = area.value.slice(end).replace(/^\s*\}\}/, "");
    area.value = area.value.slice(0, start) + one.put + after;
    area.selectionStart = area.selectionEnd = start + one.put.length;
    close(); area.focus(); later();
  }
  form.addEventListener("input", function (e) {
    if (e.target.matches("[data-fields]")) { area = e.target; offer(); }
    later();
  });
  form.addEventListener("keydown", function (e) {
    if (list.hidden || e.target !== area) { return; }
    if (e.key === "ArrowDown") { mark(chosen + 1); } else if (e.key === "ArrowUp") { mark(chosen - 1); }
    else if (e.key === "Enter" || e.key === "Tab") { take(shown[chosen]); }
    else if (e.key === "Escape") { close(); } else { return; }
    e.preventDefault();
  });
  form.addEventListener("focusout", function () { window.setTimeout(function () { if (document.activeElement !== area) { close(); } }, 150); });
  list.addEventListener("mousedown", function (e) {
    var item = e.target.closest("li");
    if (item) { e.preventDefault(); take(shown[Array.prototype.indexOf.call(list.children, item)]); }
  });

  // A field of the list goes where one was typing last.
  Array.prototype.forEach.call(document.querySelectorAll("code[data-put]"), function (one) {
    var button = document.createElement("button");
    button.type = "button"; button.className = "btn btn-ghost btn-sm mono"; button.textContent = one.textContent;
    button.addEventListener("click", function () {
      var into = area || document.getElementById("body");
      into.setRangeText(one.getAttribute("data-put"), into.selectionStart, into.selectionEnd, "end");
      into.focus(); later();
    });
    one.replaceChildren(button);
  });

  // The preview.
  function put(id, words) { var place = document.getElementById(id); if (place) { place.textContent = words; } }
  function show(found) {
    var frame = document.getElementById("preview-mail"), trouble = document.getElementById("preview-trouble");
    trouble.hidden = !found.trouble;
    trouble.querySelector("span").textContent = found.trouble;
    if (found.trouble) { return; }
    put("preview-subject", found.subject); put("preview-text", found.text); put("preview-sms", found.sms);
    put("preview-segments", found.segments); put("preview-whose", found.whose);
    if (frame) { frame.srcdoc = found.html.replace("<style>", '<style nonce="' + frame.getAttribute("data-nonce") + '">'); }
  }
  function ask() {
    var mine = ++asked;
    fetch(form.getAttribute("data-preview"), { method: "POST", body: new FormData(form), credentials: "same-origin" })
      .then(function (answer) { return answer.ok ? answer.json() : null; })
      .then(function (found) { if (found && mine === asked) { show(found); } })
      .catch(function () { /* the button asks again */ });
  }
  function later() { window.clearTimeout(waiting); waiting = window.setTimeout(ask, 350); }
  form.addEventListener("change", function (e) { if (e.target.id === "customer") { later(); } });
})();
