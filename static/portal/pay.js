// Ticking an invoice shows the new sum at once; without this script the button does.
(() => {
  const form = document.querySelector('form[data-pay]');
  if (!form) return;
  form.querySelector('.form-actions').hidden = true;
  let asked = 0;
  form.addEventListener('change', async () => {
    const turn = ++asked;
    const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
    const how = document.getElementById('pay-how');
    how.setAttribute('aria-busy', 'true');
    try {
      const answer = await fetch(address, { headers: { Accept: 'text/html' } });
      if (!answer.ok || answer.redirected) throw new Error();
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      if (turn !== asked) return;
      document.getElementById('pay-how').replaceWith(document.adoptNode(page.getElementById('pay-how')));
      history.replaceState(null, '', address);
    } catch {
      if (turn === asked) form.submit();
    }
  });
})();
