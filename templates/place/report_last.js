const over = document.querySelectorAll('#met > [data-until]:not([data-reported])');
trigger('#report-card', 'accuse', {item: [...over].pop()});
