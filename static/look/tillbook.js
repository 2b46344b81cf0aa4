/* Tillbook's page behaviour: delegated listeners, no inline handlers. Pages can be read and posted without it:
   checkboxes and action buttons are one form, menus are <details>.
   Theme: the server prints <html data-theme> from the cookie, so nothing flashes. */
(function () {
  "use strict";
  var root = document.documentElement;
  function all(selector) { return Array.prototype.slice.call(document.querySelectorAll(selector)); }

  function setTheme(name) {
    if (name === "auto") { root.removeAttribute("data-theme"); } else { root.setAttribute("data-theme", name); }
    document.cookie = "theme=" + name + ";path=/;max-age=31536000;samesite=lax";
    all("[data-theme-set]").forEach(function (b) { b.setAttribute("aria-pressed", String(b.getAttribute("data-theme-set") === name)); });
  }

  function scope(value) { all("#action_form input[name=scope]").forEach(function (i) { i.value = value; }); }

  function showSelection() {
    var boxes = all("input[type=checkbox][name=rowid]"), on = boxes.filter(function (b) { return b.checked; });
    var toggle = document.querySelector(".action-rowtoggle"), label = document.querySelector(".selbar .sel-n");
    boxes.forEach(function (b) { b.closest("tr").classList.toggle("is-selected", b.checked); });
    if (toggle) { toggle.checked = on.length > 0 && on.length === boxes.length; toggle.indeterminate = on.length > 0 && on.length < boxes.length; }
    if (label) { label.textContent = label.getAttribute("data-word").replace("%n", on.length.toLocaleString()); }
    all("[data-scope-all]").forEach(function (b) { b.hidden = false; });
    scope("page");
  }

  /* more columns than fit: the card scrolls by itself and keeps its own header */
  function fitTables() {
    all(".table-responsive").forEach(function (box) {
      box.classList.remove("table-wide");
      var table = box.querySelector("table");
      if (table && table.offsetWidth > box.clientWidth + 1) { box.classList.add("table-wide"); box.tabIndex = 0; }
    });
  }

  /* where a list has many columns, the icons after the second are found in a menu at the end of the row; without
     scripts its sign is a link to the record's page */
  function foldIcons() {
    if (!HTMLElement.prototype.showPopover) { return; }
    all("a.dots").forEach(function (dots) { dots.setAttribute("role", "button"); dots.setAttribute("aria-haspopup", "menu"); dots.setAttribute("aria-expanded", "false"); });
  }

  function openIcons(dots) {
    var menu = document.createElement("div"), at = dots.getBoundingClientRect(), entries = document.getElementById("row-menu").content.children;
    var id = dots.closest("tr").querySelector("[name=rowid]").value;
    menu.className = "dropdown-menu row-menu show"; menu.popover = "auto"; menu.setAttribute("role", "menu");
    dots.getAttribute("data-menu").split("").forEach(function (letter) {
      var entry = entries["abcdefghijklmnopqrstuvwxyz".indexOf(letter)].cloneNode(true);
      ["href", "value"].forEach(function (name) { if (entry.hasAttribute(name)) { entry.setAttribute(name, entry.getAttribute(name).replaceAll("~", id)); } });
      menu.appendChild(entry);
    });
    dots.after(menu);
    menu.addEventListener("toggle", function (e) { if (e.newState === "closed") { dots.setAttribute("aria-expanded", "false"); menu.remove(); } });
    menu.addEventListener("keydown", function (e) {
      var items = Array.prototype.slice.call(menu.children), way = { ArrowDown: 1, ArrowUp: -1 }[e.key];
      if (way) { e.preventDefault(); items[(items.indexOf(document.activeElement) + way + items.length) % items.length].focus(); }
    });
    menu.style.setProperty("--at-right", document.documentElement.clientWidth - at.right + "px");
    menu.style.setProperty("--at-top", at.bottom + 2 + "px");
    menu.showPopover(); dots.setAttribute("aria-expanded", "true");
    if (menu.getBoundingClientRect().bottom > window.innerHeight) { menu.style.setProperty("--at-top", "auto"); menu.style.setProperty("--at-bottom", window.innerHeight - at.top + 2 + "px"); }
    menu.firstElementChild.focus();
  }

  /* of tabs that do not all fit, the open one is in sight */
  function showTab() {
    all(".tabs > [aria-current],.views > [aria-current]").forEach(function (tab) {
      var row = tab.parentNode, over = tab.offsetLeft + tab.offsetWidth - row.offsetLeft - row.clientWidth;
      if (over > row.scrollLeft) { row.scrollLeft = over + 24; }
    });
  }

  /* a toast leaves after eight seconds, but never while the reader is on it; data-stay keeps it */
  function ageToasts() {
    all(".toast:not([data-stay])").forEach(function (t) {
      window.setTimeout(function leave() { if (t.matches(":hover,:focus-within")) { window.setTimeout(leave, 2000); } else { t.remove(); } }, 8000);
    });
  }

  /* names, in the page's language, for the controls that select2 and the date picker make without one */
  function nameWidgets() {
    var box = document.getElementById("words"), words = box ? JSON.parse(box.textContent) : {};
    all(".select2-search-choice-close:not([aria-label])").forEach(function (a) { a.setAttribute("aria-label", (words.remove || "") + " " + a.parentNode.textContent.trim()); });
    all(".select2-input[role=combobox]:not([aria-controls])").forEach(function (i) { i.setAttribute("aria-controls", i.getAttribute("aria-owns") || "select2-drop"); });
    [["monthselect", words.month], ["yearselect", words.year], ["hourselect", words.hour], ["minuteselect", words.minute]].forEach(function (pair) { all("select." + pair[0] + ":not([aria-label])").forEach(function (x) { x.setAttribute("aria-label", pair[1] || ""); }); });
    [["prev", words.before], ["next", words.after]].forEach(function (pair) { all(".daterangepicker th." + pair[0] + ":not([aria-label])").forEach(function (x) { x.setAttribute("aria-label", pair[1]); }); });
  }

  /* a running job asks for its own card again, every two seconds or as it says, until the answer no longer asks;
     where the rest of the page depends on it, that is loaded anew then */
  function watchJobs() {
    all("[data-poll]:not([data-polling])").forEach(function (card) {
      card.setAttribute("data-polling", "");
      var seconds = Number(card.getAttribute("data-poll-seconds")) || 2, then = card.getAttribute("data-poll-then");
      window.setTimeout(function again() {
        fetch(card.getAttribute("data-poll"), { credentials: "same-origin", headers: { "X-Requested-With": "fetch" } })
          .then(function (answer) { if (!answer.ok) { throw new Error(answer.status); } return answer.text(); })
          .then(function (html) {
            if (then === "reload" && html.indexOf("data-poll=") < 0) { window.location.reload(); return; }
            card.outerHTML = html; watchJobs();
          })
          .catch(function () { window.setTimeout(again, 5000); });
      }, seconds * 1000);
    });
  }

  document.addEventListener("click", function (e) {
    var t = e.target.closest("[data-theme-set],[data-scope-all],[data-clear-selection],[data-open],[data-close],[data-dismiss-toast],[data-print],[data-add-inline],button.close[data-dismiss=alert]");
    all("details.menu[open]").forEach(function (d) { if (!d.contains(e.target) || e.target.closest(".dropdown-item")) { d.open = false; } });
    if (e.target.closest(".dots[aria-haspopup]")) { e.preventDefault(); openIcons(e.target.closest(".dots")); }
    if (!t) { return; }
    if (t.matches("[data-theme-set]")) { setTheme(t.getAttribute("data-theme-set")); }
    if (t.matches("[data-scope-all]")) { scope("all"); t.closest(".selbar").querySelector(".sel-n").textContent = t.getAttribute("data-scope-all"); t.hidden = true; }
    if (t.matches("[data-clear-selection]")) { all("input[type=checkbox][name=rowid]").forEach(function (b) { b.checked = false; }); showSelection(); }
    if (t.matches("[data-open]")) { e.preventDefault(); document.getElementById(t.getAttribute("data-open")).showModal(); }
    if (t.matches("[data-close]")) { t.closest("dialog").close(); }
    if (t.matches("button.close[data-dismiss=alert]")) { t.closest(".alert").remove(); }
    if (t.matches("[data-dismiss-toast]")) { t.closest(".toast").remove(); }
    if (t.matches("[data-print]")) { window.print(); }
    if (t.matches("[data-add-inline]") && window.faForm) { e.preventDefault(); window.faForm.addInlineField(t, t.getAttribute("data-add-inline")); }
  });

  /* a cell that is cut off says the whole when pointed at */
  document.addEventListener("mouseover", function (e) {
    var cell = e.target.closest(".model-list tbody :is(td,th)");
    if (cell && !cell.title && cell.scrollWidth > cell.clientWidth) { cell.title = cell.textContent.trim(); }
  });

  /* whoever says what to set a field to wants it set */
  function ticksItsBox(control) {
    var row = control.closest("[data-sets]"), box = row && row.querySelector("input[name=set]");
    if (box && control !== box) { box.checked = true; }
  }
  document.addEventListener("input", function (e) { if (e.target.matches("[data-sets] input:not([name=set]),[data-sets] textarea")) { ticksItsBox(e.target); } });

  document.addEventListener("change", function (e) {
    if (e.target.matches(".action-rowtoggle")) { all("input[type=checkbox][name=rowid]").forEach(function (b) { b.checked = e.target.checked; }); showSelection(); }
    if (e.target.matches("input[name=rowid]")) { showSelection(); }
    if (e.target.matches("[data-keys-set]")) {
      root.setAttribute("data-keys", e.target.checked ? "on" : "off");
      document.cookie = "keys=" + (e.target.checked ? "on" : "off") + ";path=/;max-age=31536000;samesite=lax";
    }
    if (e.target.matches("[data-autosubmit]")) { e.target.form.submit(); }
    ticksItsBox(e.target);
  });

  document.addEventListener("keydown", function (e) {
    var typing = (/^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) && e.target.type !== "checkbox") || e.target.isContentEditable;
    var search = document.getElementById("search") ? null : document.getElementById("find"), at = document.activeElement;
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k" && search) { e.preventDefault(); search.focus(); search.select(); return; }
    if (e.key === " " && e.target.matches(".dots[aria-haspopup]")) { e.preventDefault(); e.target.click(); }
    if (e.key === "Escape") { all("details.menu[open]").forEach(function (d) { d.open = false; d.querySelector("summary").focus(); }); }
    if (typing || e.ctrlKey || e.metaKey || e.altKey || root.getAttribute("data-keys") === "off") { return; }
    if (e.key === "?" && document.getElementById("keys")) { document.getElementById("keys").showModal(); }
    if (e.key === "/" && search) { e.preventDefault(); search.focus(); }
    if (e.key === "n" || e.key === "e") { var go = document.querySelector(e.key === "n" ? "[data-key=new]" : "[data-key=edit]"); if (go) { go.click(); } }
    if (e.key === "j" || e.key === "k") {
      var links = all(".model-list .row-link"), next = links[links.indexOf(at) + (e.key === "j" ? 1 : -1)] || links[0];
      if (next) { next.focus(); }
    }
    if (e.key === "x" && at.matches(".row-link")) { var c = at.closest("tr").querySelector("[name=rowid]"); if (c) { c.checked = !c.checked; showSelection(); } }
  });

  /* typing narrows a long menu down; the field stands there only where scripts run */
  document.addEventListener("input", function (e) {
    if (!e.target.matches("[data-narrow]")) { return; }
    var menu = e.target.closest("form"), words = e.target.value.trim().toLowerCase();
    Array.prototype.forEach.call(menu.querySelectorAll("[role=group]"), function (group) {
      var any = false;
      Array.prototype.forEach.call(group.querySelectorAll("button"), function (b) { b.hidden = b.textContent.toLowerCase().indexOf(words) < 0; any = any || !b.hidden; });
      group.hidden = !any;
    });
  });
  document.addEventListener("keydown", function (e) {
    if (e.key !== "Enter" || !e.target.matches("[data-narrow]")) { return; }
    e.preventDefault();
    var first = e.target.closest("form").querySelector("button:not([hidden])");
    if (first) { first.click(); }
  });
  document.addEventListener("toggle", function (e) {
    var field = e.target.open && e.target.querySelector(":scope > form [data-narrow], :scope > .save-menu [name=name]");
    if (field) { field.focus(); }
  }, true);

  document.addEventListener("DOMContentLoaded", function () { showSelection(); foldIcons(); fitTables(); showTab(); all("[data-narrow]").forEach(function (i) { i.hidden = false; }); nameWidgets(); ageToasts(); watchJobs();
    if (document.querySelector(".admin-form")) { new MutationObserver(nameWidgets).observe(document.body, { childList: true, subtree: true }); }
  });
  /* parts of the page were put in anew by a script */
  document.addEventListener("tillbook:fresh", function () { fitTables(); showTab(); ageToasts(); });
  window.addEventListener("resize", fitTables);
  var here = document.querySelector(".portal-bar nav [aria-current]");
  if (here) { here.parentNode.scrollLeft = here.offsetLeft - here.parentNode.offsetLeft - here.parentNode.clientWidth / 3; }
  if (document.fonts) { document.fonts.ready.then(fitTables); }
})();
