// What a million predictions cost at a price of the reader's choice; without JavaScript the column stays empty.
(function () {
  "use strict";
  var price = document.getElementById("price");
  var cells = document.querySelectorAll("[data-rate]");
  function show() {
    var perHour = Number(price.value);
    cells.forEach(function (cell) {
      var cost = (perHour / 3600 / Number(cell.dataset.rate)) * 1e6;
      cell.textContent = price.value !== "" && perHour >= 0 ? cost.toPrecision(3) : "–";
    });
  }
  price.addEventListener("input", show);
  show();
})();
