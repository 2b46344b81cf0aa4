/* The first-run page fills in what the browser knows: the time zone, and the money of the chosen country. */
(function () {
  "use strict";
  var zone = document.getElementById("timezone"), country = document.getElementById("country"), currency = document.getElementById("currency");
  var moneyOf = JSON.parse(document.getElementById("money-of").textContent), touched = currency.value !== "";
  function choose(select, value) {
    if (Array.prototype.some.call(select.options, function (o) { return o.value === value; })) { select.value = value; }
  }
  if (zone.value === "") { choose(zone, Intl.DateTimeFormat().resolvedOptions().timeZone || ""); }
  currency.addEventListener("change", function () { touched = true; });
  country.addEventListener("change", function () { if (!touched && moneyOf[country.value]) { choose(currency, moneyOf[country.value]); } });
})();
