// Once while the tab is hidden, however much happens; and nothing of what was said.
if (this.hasCalled || localStorage.getItem('tell-me') !== 'yes') return;
this.hasCalled = true;
const sound = new AudioContext(), volume = sound.createGain();
volume.gain.value = 0.1;
volume.connect(sound.destination);
for (const [pitch, start] of [[660, 0], [880, 0.15]]) {
  const tone = sound.createOscillator();
  tone.frequency.value = pitch;
  tone.connect(volume);
  tone.start(sound.currentTime + start);
  tone.stop(sound.currentTime + start + 0.12);
}
setTimeout(() => sound.close(), 1000);
if (window.Notification?.permission === 'granted') {
  this.notification = new Notification(this.dataset[why], {tag: 'quart-chat', silent: true});
  this.notification.onclick = () => window.focus();
}
