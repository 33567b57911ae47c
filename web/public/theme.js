// Applies the chosen theme and motion before the first paint; src/ui/appearance.ts stores them. Blocked site data throws.
try {
  for (const name of ['theme', 'motion']) {
    const value = localStorage.getItem(`undead.${name}`);
    if (value) document.documentElement.dataset[name] = value;
  }
} catch {}
