/* The search of everything in a dialog: Ctrl or Cmd and K, or /; arrows, Enter, Esc. Without scripts its button leads to a page. */
(function () {
  "use strict";
  var dialog = document.getElementById("search"), input = document.getElementById("search-input");
  var list = document.getElementById("search-list"), status = document.getElementById("search-status");
  if (!dialog || !dialog.showModal) { return; }
  var waiting = 0, asking = null, shown = null, wanted = false;

  function options() { return Array.prototype.slice.call(list.querySelectorAll("[role=option]")); }
  function active() { return list.querySelector("[aria-selected=true]"); }

  function mark(option) {
    options().forEach(function (one) { one.setAttribute("aria-selected", String(one === option)); });
    if (option) { input.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
    else { input.removeAttribute("aria-activedescendant"); }
  }

  function print(html) {
    list.innerHTML = html;
    var found = options();
    list.setAttribute("role", found.length ? "listbox" : "presentation");
    input.setAttribute("aria-expanded", String(found.length > 0));
    mark(found[0] || null);
    var none = list.querySelector(".found-none");
    status.textContent = none ? none.textContent : status.getAttribute("data-word").replace("%n", found.length);
    list.removeAttribute("aria-busy");
  }

  function ask() {
    var words = input.value.trim();
    if (words === shown) { return; }
    if (asking) { asking.abort(); }
    asking = window.AbortController ? new AbortController() : null;
    list.setAttribute("aria-busy", "true");
    fetch(dialog.getAttribute("data-suggest") + "?q=" + encodeURIComponent(words), { credentials: "same-origin", signal: asking ? asking.signal : undefined })
      .then(function (answer) { if (!answer.ok || answer.redirected) { throw new Error(answer.status); } return answer.text(); })
      .then(function (html) {
        if (input.value.trim() !== words) { return; }
        shown = words; print(html);
        if (wanted) { wanted = false; follow(false); }
      })
      .catch(function (trouble) { if (trouble.name !== "AbortError") { list.removeAttribute("aria-busy"); status.textContent = dialog.getAttribute("data-trouble"); } });
  }

  function follow(apart) {
    var option = active();
    if (!option) { return; }
    if (apart) { window.open(option.href, "_blank", "noopener"); return; }
    window.location.href = option.href;
  }

  function open() {
    if (dialog.open) { return; }
    dialog.showModal(); input.value = ""; shown = null; wanted = false; ask(); input.focus();
  }

  document.addEventListener("click", function (e) {
    if (e.target.closest("[data-search-open]") && !e.ctrlKey && !e.metaKey && !e.shiftKey) { e.preventDefault(); open(); }
    if (e.target === dialog) { dialog.close(); }
  });

  document.addEventListener("keydown", function (e) {
    var key = e.key.toLowerCase(), typing = (/^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) && e.target.type !== "checkbox") || e.target.isContentEditable;
    if ((e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && key === "k") { e.preventDefault(); open(); return; }
    if (key === "/" && !typing && !e.ctrlKey && !e.metaKey && !e.altKey && document.documentElement.getAttribute("data-keys") !== "off") { e.preventDefault(); open(); }
  });

  input.addEventListener("input", function () { wanted = false; window.clearTimeout(waiting); waiting = window.setTimeout(ask, 150); });
  input.addEventListener("keydown", function (e) {
    var all = options(), at = all.indexOf(active());
    if (e.isComposing) { return; }
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      if (all.length) { mark(all[(at + (e.key === "ArrowDown" ? 1 : -1) + all.length) % all.length]); }
    } else if ((e.key === "Home" || e.key === "End") && (e.ctrlKey || e.metaKey)) {
      e.preventDefault(); mark(all[e.key === "Home" ? 0 : all.length - 1] || null);
    } else if (e.key === "Enter") {
      e.preventDefault();
      /* typed faster than answered: go as soon as the answer to these very words is there */
      if (input.value.trim() !== shown) { wanted = true; window.clearTimeout(waiting); ask(); } else { follow(e.ctrlKey || e.metaKey); }
    }
  });
  list.addEventListener("mousemove", function (e) { var option = e.target.closest("[role=option]"); if (option && option !== active()) { mark(option); } });
})();
