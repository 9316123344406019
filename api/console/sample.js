/** A document for trying the page. */
export const SAMPLE = `<!doctype html>
<html lang="en">
<title>Invoice 2026-0042</title>
<style>
  @page { size: A4; margin: 22mm 20mm; @bottom-right { content: "Page " counter(page) " of " counter(pages); font: 8pt sans-serif; color: #777; } }
  body { font: 10.5pt/1.5 "Liberation Sans", sans-serif; color: #1c2430; }
  h1 { font-size: 26pt; margin: 0 0 2mm; color: #b0391b; }
  table { width: 100%; border-collapse: collapse; margin-top: 10mm; }
  th { text-align: left; border-bottom: 1.5pt solid #1c2430; padding: 2mm 0; }
  td { border-bottom: .5pt solid #ddd; padding: 2.5mm 0; }
  td:last-child, th:last-child { text-align: right; }
  tfoot td { font-weight: bold; border: 0; font-size: 12pt; }
  address { font-style: normal; color: #56606e; }
</style>
<h1>Invoice</h1>
<address>Letterpress &amp; Sons<br>12 Composing Lane, Leipzig</address>
<table>
  <thead><tr><th>Item</th><th>Quantity</th><th>Amount</th></tr></thead>
  <tbody>
    <tr><td>Broadside, two colours</td><td>120</td><td>€ 540.00</td></tr>
    <tr><td>Business cards, blind embossed</td><td>500</td><td>€ 310.00</td></tr>
    <tr><td>Wood type, rental</td><td>3 days</td><td>€ 90.00</td></tr>
  </tbody>
  <tfoot><tr><td>Total</td><td></td><td>€ 940.00</td></tr></tfoot>
</table>
<p>Thank you. Payable within 14 days.</p>
</html>
`;
