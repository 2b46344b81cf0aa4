/* While one types what a payment is for: fills the invoices from the top if that is ticked, and shows the sums. The
   server works all of it out again; amounts are whole minor units here too. */
(function () {
  "use strict";
  var form = document.querySelector("[data-allocate]");
  if (!form) { return; }
  var decimals = Number(form.dataset.decimals), amount = form.elements.amount, spread = form.elements.spread;
  var money = new Intl.NumberFormat(document.documentElement.lang || "en", { style: "currency", currency: form.dataset.currency });
  var rows = Array.prototype.slice.call(form.querySelectorAll("tr[data-open]"));

  function minor(text) {
    var found = /^\s*(\d+|\d{1,3}(?:,\d{3})+)(?:\.(\d*))?\s*$/.exec(text || "");
    if (!found || (found[2] || "").length > decimals) { return 0; }
    return Number(found[1].replace(/,/g, "") + ((found[2] || "") + "000000").slice(0, decimals));
  }
  function typed(minors) {
    var text = String(minors);
    if (!decimals) { return text; }
    while (text.length <= decimals) { text = "0" + text; }
    return text.slice(0, -decimals) + "." + text.slice(-decimals);
  }
  function shown(minors) { return money.format(minors / Math.pow(10, decimals)); }
  function input(row, kind) { return row.querySelector("[data-kind=" + kind + "]"); }
  function value(row, kind) { var field = input(row, kind); return field ? minor(field.value) : 0; }
  function tell(name, text) { var out = form.querySelector("[data-out=" + name + "]"); if (out) { out.textContent = text; } }
  function sum(kind) { return rows.reduce(function (all, row) { return all + value(row, kind); }, 0); }

  function work() {
    var came = form.dataset.fixed ? Number(form.dataset.fixed) : minor(amount.value), left = came;
    if (spread && spread.checked) {
      rows.forEach(function (row) {
        var open = Number(row.dataset.open), part = open ? Math.max(Math.min(left, open - value(row, "credit")), 0) : 0;
        left -= part;
        input(row, "part").value = part ? typed(part) : "";
      });
    }
    var put = sum("part"), rest = came - put;
    tell("put", shown(put));
    tell("rest", shown(Math.max(rest, 0)));
    tell("credit", shown(sum("credit")));
    var words = rest > 0 ? form.dataset.over : rest < 0 ? form.dataset.under : form.dataset.even;
    tell("message", came ? words.replace("{}", shown(Math.abs(rest))) : "");
    if (form.elements.over) { form.elements.over.value = rest > 0 ? String(rest) : ""; }
  }
  form.addEventListener("input", function (event) {
    if (event.target.dataset.kind === "part" && spread) { spread.checked = false; }
    work();
  });
  form.addEventListener("change", function (event) { if (event.target === spread) { work(); } });
  work();
})();
