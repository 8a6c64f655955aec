/**
 * The call: camera and microphone, and the connection to the stranger's browser. Nothing else.
 *
 * Everything said to the server travels over the page's one socket, which htmx owns. The server answers with
 * `{"call": ...}` when two may call each other, and passes on `{"signal": ...}` from the other browser.
 */

/** @typedef {{mic: boolean, camera: boolean, shown: boolean}} Switches */
/** @typedef {{room: string, polite: boolean, iceServers: RTCIceServer[]}} Beginning */
/** @typedef {{description?: RTCSessionDescriptionInit, candidate?: RTCIceCandidateInit, media?: Switches}} Content */
/** @typedef {Content & {room: string, page: string}} Signal */

const CONNECT_LIMIT = 15_000; // ms; a relay with a wrong password would let it wait for ever
const DISCONNECTED_LIMIT = 4_000; // ms; shorter breaks heal by themselves
const UNVEIL_AFTER = 3_000; // ms between the visitor's request and the picture, unless the stranger asks for it too
const PAGE_CHANGES = 10; // of one stranger in a minute; as domain/signals.py has it
const WATCH_EVERY = 4_000; // ms
const STARVING = 120_000; // bit/s; below, the picture gives way to the voice
const FED = 300_000; // bit/s; above, it comes back
const TRY_PICTURE_AFTER = 20_000; // ms; a voice alone is too little to tell how much the line could carry

const small = matchMedia('(pointer: coarse)').matches;
const PICTURE = small
  ? {width: {ideal: 640}, height: {ideal: 480}, frameRate: {ideal: 24, max: 24}}
  : {width: {ideal: 1280}, height: {ideal: 720}, frameRate: {ideal: 30, max: 30}};
const LARGEST_BITRATE = small ? 600_000 : 1_200_000; // bit/s

/** @param {string} id @returns {any} */
const byId = id => document.getElementById(id);
const place = byId('place');
const call = byId('call');

/** Show the one of an element's sentences that fits, or none. @param {HTMLElement} element @param {string} when */
function tell(element, when) {
  for (const sentence of element.querySelectorAll('[data-when]')) {
    /** @type {HTMLElement} */ (sentence).hidden = sentence.getAttribute('data-when') !== when;
  }
}

/** @param {string} name of the DOMException */
function why(name) {
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
  if (name === 'NotReadableError' || name === 'AbortError') return 'busy';
  return 'missing';
}

/** The visitor's own camera and microphone; what is switched off stays off from call to call. */
class Devices {
  stream = new MediaStream();
  on = {mic: true, camera: true};
  facing = 'user';
  /** @type {(track: MediaStreamTrack) => void} */
  taken = () => {};
  changed = () => {};

  /** What the stranger gets to hear and see; a device that is not there counts as switched off. */
  get sent() {
    const lives = this.stream.getTracks().filter(track => track.readyState === 'live').map(track => track.kind);
    return {mic: this.on.mic && lives.includes('audio'), camera: this.on.camera && lives.includes('video')};
  }

  /** Ask for both, then for each alone: somebody who has no camera can still talk. */
  async open() {
    if (!navigator.mediaDevices) return tell(byId('camera-note'), 'insecure');
    const failures = [];
    for (const kinds of [['mic', 'camera'], ['mic'], ['camera']]) {
      try {
        const opened = await this.ask(kinds);
        opened.getTracks().forEach(track => this.take(track));
        break;
      } catch (error) {
        failures.push(/** @type {DOMException} */ (error).name);
      }
    }
    tell(byId('camera-note'), failures.length ? why(failures[0]) : '');
    await this.list();
    this.changed();
  }

  /** Ask for the devices chosen last, or for any when those are gone. @param {string[]} kinds */
  async ask(kinds) {
    try {
      return await navigator.mediaDevices.getUserMedia(this.wanted(kinds));
    } catch (error) {
      if (/** @type {DOMException} */ (error).name !== 'OverconstrainedError') throw error;
      kinds.forEach(kind => localStorage.removeItem(kind));
      return navigator.mediaDevices.getUserMedia(this.wanted(kinds));
    }
  }

  /** An ideal device would lose against one with a better picture. @param {string[]} kinds */
  wanted(kinds) {
    const [mic, camera] = [localStorage.getItem('mic'), localStorage.getItem('camera')];
    const which = camera ? {deviceId: {exact: camera}} : {facingMode: {ideal: this.facing}};
    return {
      audio: kinds.includes('mic') && (mic ? {deviceId: {exact: mic}} : true),
      video: kinds.includes('camera') && {...PICTURE, ...which},
    };
  }

  /** Put a track in the place of the one before, in the call too. @param {MediaStreamTrack} track */
  take(track) {
    for (const old of this.stream.getTracks().filter(each => each.kind === track.kind)) {
      this.stream.removeTrack(old);
      old.stop();
    }
    if (track.kind === 'video') track.contentHint = 'motion';
    track.onended = () => this.change(track.kind === 'video' ? 'camera' : 'mic'); // pulled out, or taken by the system
    this.stream.addTrack(track);
    this.apply();
    this.taken(track);
  }

  /** Change one device. iOS lets only one camera be open, so the old one is stopped first. @param {string} kind */
  async change(kind) {
    if (kind === 'camera') this.stream.getVideoTracks().forEach(track => track.stop());
    try {
      const opened = await this.ask([kind]);
      opened.getTracks().forEach(track => this.take(track));
      tell(byId('device-note'), '');
    } catch (error) {
      tell(byId('device-note'), why(/** @type {DOMException} */ (error).name));
      byId('devices').togglePopover(true);
    }
    await this.list();
    this.changed();
  }

  async flip() {
    this.facing = this.facing === 'user' ? 'environment' : 'user';
    localStorage.removeItem('camera');
    await this.change('camera');
  }

  /** @param {'mic' | 'camera'} kind */
  toggle(kind) {
    this.on[kind] = !this.on[kind];
    this.apply();
    this.changed();
  }

  apply() {
    this.stream.getAudioTracks().forEach(track => { track.enabled = this.on.mic; });
    this.stream.getVideoTracks().forEach(track => { track.enabled = this.on.camera; });
    for (const video of [byId('preview'), byId('you')]) {
      if (video.srcObject !== this.stream) video.srcObject = this.stream;
      video.classList.toggle('mirrored', this.facing === 'user');
    }
    byId('mute').setAttribute('aria-pressed', String(!this.on.mic));
    byId('camera-off').setAttribute('aria-pressed', String(!this.on.camera));
  }

  /** Fill the menus; labels are known only once permission was given. */
  async list() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    this.fill('cameras', devices.filter(each => each.kind === 'videoinput'), this.stream.getVideoTracks()[0]);
    this.fill('mics', devices.filter(each => each.kind === 'audioinput'), this.stream.getAudioTracks()[0]);
    byId('flip').hidden = !(small && devices.filter(each => each.kind === 'videoinput').length > 1);
  }

  /** @param {string} name @param {MediaDeviceInfo[]} devices @param {MediaStreamTrack | undefined} track */
  fill(name, devices, track) {
    const used = track?.getSettings().deviceId;
    const known = devices.filter(device => device.deviceId);
    for (const menu of document.querySelectorAll(`.${name}`)) {
      menu.replaceChildren(...known.map(({label, deviceId}) => new Option(label, deviceId, false, deviceId === used)));
      /** @type {HTMLElement} */ (menu.parentElement).hidden = known.length < 2;
    }
  }
}

/**
 * One connection to one stranger, by the perfect negotiation pattern of the WebRTC specification (section 10.7):
 * both sides may offer at any time, and when both do, the polite one takes its own offer back. The names are its too.
 */
class Connection {
  makingOffer = false;
  ignoreOffer = false;
  isSettingRemoteAnswerPending = false;
  connected = false;
  closed = false;
  fed = true;
  starvedAt = 0; // Date.now()

  /** @param {Beginning} beginning @param {Devices} devices @param {(signal: object) => void} send */
  constructor({polite, iceServers}, devices, send) {
    this.polite = polite;
    this.send = send;
    this.relay = byId('hide-address')?.checked ?? false;
    this.stream = devices.stream;
    this.peer = new RTCPeerConnection({iceServers, iceTransportPolicy: this.relay ? 'relay' : 'all'});
    // The impolite one begins: in Chromium an offer taken back at the very start can leave the other way without
    // addresses.
    this.peer.onnegotiationneeded = () => { if (!polite || this.peer.remoteDescription) this.offer(); };
    this.peer.onicecandidate = ({candidate}) => {
      this.send({candidate: candidate?.toJSON() ?? {candidate: ''}, relay: this.relay});
    };
    this.peer.ontrack = ({track}) => receive(track);
    this.peer.onconnectionstatechange = () => this.follow();
    this.addTracks();
    this.deadline = setTimeout(() => this.connected || tell(byId('call-state'), 'failed'), CONNECT_LIMIT);
    this.watch = setInterval(() => this.adapt(), WATCH_EVERY);
    tell(byId('call-state'), 'connecting');
  }

  /** Send what there is, and ask for what there is not. */
  addTracks() {
    for (const kind of ['audio', 'video']) {
      const track = this.stream.getTracks().find(each => each.kind === kind);
      if (track) this.peer.addTrack(track, this.stream);
      else if (!this.polite) this.peer.addTransceiver(kind, {direction: 'recvonly'});
    }
  }

  async offer() {
    try {
      this.makingOffer = true;
      await this.peer.setLocalDescription();
      this.sendDescription();
    } catch (error) {
      if (!this.closed) throw error;
    } finally {
      this.makingOffer = false;
    }
  }

  sendDescription() {
    this.send({description: this.peer.localDescription, relay: this.relay});
  }

  /** Say again what a stranger who was not listening yet has missed. */
  repeat() {
    if (this.peer.signalingState === 'have-local-offer') this.sendDescription();
  }

  /** @param {Signal} signal */
  async hear({description, candidate}) {
    try {
      if (description) await this.describe(description);
      else if (candidate) await this.tryAddress(candidate);
    } catch (error) {
      if (!this.closed) throw error;
    }
  }

  /** @param {RTCSessionDescriptionInit} description */
  async describe(description) {
    const isStable = this.peer.signalingState === 'stable';
    const readyForOffer = !this.makingOffer && (isStable || this.isSettingRemoteAnswerPending);
    const offerCollision = description.type === 'offer' && !readyForOffer;
    this.ignoreOffer = offerCollision && !this.polite;
    const isLate = description.type === 'answer' && isStable; // to an offer said twice
    if (this.ignoreOffer || isLate) return;
    this.isSettingRemoteAnswerPending = description.type === 'answer';
    await this.peer.setRemoteDescription(description);
    this.isSettingRemoteAnswerPending = false;
    if (description.type !== 'offer') return;
    await this.peer.setLocalDescription();
    this.sendDescription();
  }

  /** @param {RTCIceCandidateInit} candidate */
  async tryAddress(candidate) {
    try {
      await this.peer.addIceCandidate(candidate.candidate ? candidate : undefined);
    } catch (error) {
      if (!this.ignoreOffer) throw error;
    }
  }

  follow() {
    const state = this.peer.connectionState;
    clearTimeout(this.healing);
    if (state === 'connected') {
      this.connected = true;
      clearTimeout(this.deadline);
      this.limit();
      tell(byId('call-state'), 'connected');
    } else if (state === 'failed') {
      this.restart();
    } else if (state === 'disconnected') {
      this.healing = setTimeout(() => this.restart(), DISCONNECTED_LIMIT);
      this.tellLost();
    }
  }

  /** A call that never was connected has no way, and says so until there is one. */
  tellLost() {
    if (this.connected) tell(byId('call-state'), 'lost');
  }

  /** Look for a way again, unless there is one. */
  restart() {
    if (['connected', 'new', 'connecting'].includes(this.peer.connectionState)) return;
    this.tellLost();
    this.peer.restartIce();
  }

  /** @param {MediaStreamTrack} track */
  async replace(track) {
    if (this.closed) return;
    const transceiver = this.peer.getTransceivers().find(each => each.receiver.track.kind === track.kind);
    if (!transceiver) {
      this.peer.addTrack(track, this.stream);
      return;
    }
    await transceiver.sender.replaceTrack(track);
    transceiver.direction = 'sendrecv';
  }

  /** Cap the picture; pause it while the line starves. */
  async limit() {
    const sender = this.peer.getSenders().find(each => each.track?.kind === 'video');
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings?.length) return; // Firefox has none before it has negotiated
    Object.assign(parameters, {degradationPreference: 'balanced'});
    Object.assign(parameters.encodings[0], {maxBitrate: LARGEST_BITRATE, active: this.fed});
    // Refused while something else is being negotiated; the next look does it.
    await sender.setParameters(parameters).catch(() => {});
  }

  /** Give the line to the voice while it starves. */
  async adapt() {
    if (this.peer.connectionState !== 'connected') return;
    for (const report of (await this.peer.getStats()).values()) {
      if (report.type !== 'candidate-pair' || !report.nominated || !report.availableOutgoingBitrate) continue;
      this.feed(report.availableOutgoingBitrate);
      await this.limit();
    }
  }

  /** @param {number} rate in bit/s, as the browser guesses it */
  feed(rate) {
    if (this.fed && rate < STARVING) {
      this.fed = false;
      this.starvedAt = Date.now();
    } else if (rate > FED || Date.now() - this.starvedAt >= TRY_PICTURE_AFTER) {
      this.fed = true;
    }
  }

  close() {
    this.closed = true;
    clearTimeout(this.deadline);
    clearTimeout(this.healing);
    clearInterval(this.watch);
    this.peer.onconnectionstatechange = this.peer.onnegotiationneeded = null;
    this.peer.onicecandidate = this.peer.ontrack = null;
    this.peer.close();
  }
}

/** crypto.randomUUID() is for pages on https alone, crypto.getRandomValues() for all. */
function newName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('');
}

/** What stands between the page's socket and the connection of the moment. */
class Calls {
  page = newName();
  shown = false;
  /** @type {Switches} */ theirs = {mic: true, camera: true, shown: false};
  /** @type {Promise<void>} */ order = Promise.resolve();
  /** @type {Connection | undefined} */ connection;
  /** @type {Beginning | undefined} */ beginning;
  /** @type {string | undefined} */ stranger;
  /** @type {Set<string>} */ gone = new Set();
  /** @type {number[]} */ changes = []; // Date.now() of each
  /** @type {WebSocket | undefined} */ socket;

  /** @param {Devices} devices */
  constructor(devices) {
    this.devices = devices;
    devices.taken = track => { this.connection?.replace(track); };
    devices.changed = () => this.tellSwitches();
  }

  /** @param {Beginning} beginning */
  begin(beginning) {
    const isKnown = this.beginning?.room === beginning.room;
    this.beginning = beginning;
    if (!isKnown) this.meet();
    else if (this.connection?.connected) this.connection.restart();
    else this.beginAgain();
    this.tellSwitches();
  }

  meet() {
    this.stranger = undefined;
    this.gone.clear();
    this.changes = [];
    this.mind({mic: true, camera: true, shown: false});
    this.veil();
    this.connect();
  }

  /** The socket broke before the two had found each other, so signals are lost: begin as after a reload. */
  beginAgain() {
    this.page = newName();
    this.stranger = undefined;
    this.connect();
  }

  connect() {
    if (!this.beginning) return;
    const {room} = this.beginning;
    this.connection?.close();
    byId('stranger').srcObject = new MediaStream();
    this.connection = new Connection(this.beginning, this.devices, signal => this.send(room, signal));
  }

  /**
   * Nothing is kept for later: after a break both sides look for a way anew.
   * @param {string} room
   * @param {object} signal
   */
  send(room, signal) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify({do: 'signal', room, page: this.page, ...signal}));
  }

  /** Take signals strictly one after the other. @param {Signal} signal */
  hear(signal) {
    this.order = this.order.then(() => this.take(signal)).catch(error => console.info('signal not taken:', error.name));
  }

  /** @param {Signal} signal */
  async take(signal) {
    if (signal.room !== this.beginning?.room) return;
    if (signal.page !== this.stranger) {
      if (this.gone.has(signal.page)) return; // a late word of a page that has been reloaded
      if (this.stranger) {
        if (!this.mayChange()) return;
        this.gone.add(this.stranger);
        this.connect();
      }
      this.stranger = signal.page;
      this.tellSwitches();
      this.connection?.repeat();
    }
    if (signal.media) this.mind(signal.media);
    else await this.connection?.hear(signal);
  }

  /** Each new page of the stranger costs a connection, and a browser has some hundreds. The server counts too. */
  mayChange() {
    const now = Date.now();
    this.changes = this.changes.filter(at => now - at < 60_000);
    if (this.changes.length >= PAGE_CHANGES) return false;
    this.changes.push(now);
    return true;
  }

  /** Show what the stranger has switched off. @param {Switches} switches */
  mind(switches) {
    this.theirs = switches;
    byId('stranger-muted').hidden = switches.mic;
    byId('stranger-dark').hidden = switches.camera;
    if (switches.shown && this.shown) this.unveil();
  }

  tellSwitches() {
    if (this.beginning) this.send(this.beginning.room, {media: {...this.devices.sent, shown: this.shown}});
  }

  /** Strangers are blurred until both want to see, or one of them has waited a moment. */
  show() {
    this.shown = true;
    this.tellSwitches();
    call.classList.add('unveiling');
    if (this.theirs.shown) this.unveil();
    else this.unveiling = setTimeout(() => this.unveil(), UNVEIL_AFTER);
  }

  unveil() {
    clearTimeout(this.unveiling);
    call.classList.remove('veiled', 'unveiling');
  }

  /** Blur the stranger; a new one starts like that. */
  veil() {
    clearTimeout(this.unveiling);
    this.shown = false;
    call.classList.add('veiled');
    call.classList.remove('unveiling');
  }

  end() {
    this.connection?.close();
    this.connection = this.beginning = this.stranger = undefined;
    this.mind({mic: true, camera: true, shown: false});
    byId('stranger').srcObject = null;
    if (document.fullscreenElement) document.exitFullscreen(); // what happens next is told beside the picture
    tell(byId('call-state'), '');
  }
}

/** @param {MediaStreamTrack} track */
function receive(track) {
  const video = byId('stranger');
  const stream = video.srcObject ?? new MediaStream();
  stream.addTrack(track);
  video.srcObject = stream;
  hear();
}

/** Play the stranger; a browser may want a tap before there is sound. */
async function hear() {
  try {
    await byId('stranger').play();
    byId('hear').hidden = true;
  } catch (error) {
    byId('hear').hidden = /** @type {DOMException} */ (error).name !== 'NotAllowedError';
  }
}

const devices = new Devices();
const calls = new Calls(devices);

place.addEventListener('htmx:ws:after:connection', (/** @type {any} */ {detail}) => {
  calls.socket = detail.connection.socket;
});

place.addEventListener('htmx:ws:before:message:incoming', (/** @type {any} */ {detail}) => {
  const {data} = detail.message;
  if (!data.startsWith('{')) return;
  const {call: beginning, signal} = JSON.parse(data);
  if (beginning) calls.order = calls.order.then(() => calls.begin(beginning));
  if (signal) calls.hear(signal);
});

place.addEventListener('htmx:after:swap', () => {
  if (calls.beginning && byId('room').value !== calls.beginning.room) calls.end();
});

addEventListener('online', () => calls.connection?.restart());
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  for (const own of [byId('preview'), byId('you')]) own.play().catch(() => {}); // there may be no camera
  if (calls.connection) hear();
  calls.connection?.restart();
});
navigator.mediaDevices?.addEventListener('devicechange', () => devices.list());

byId('mute').addEventListener('click', () => devices.toggle('mic'));
byId('camera-off').addEventListener('click', () => devices.toggle('camera'));
byId('flip').addEventListener('click', () => devices.flip());
byId('show').addEventListener('click', () => calls.show());
byId('blur').addEventListener('click', () => { calls.veil(); calls.tellSwitches(); });
byId('corner').addEventListener('click', () => {
  const {dataset} = byId('corner');
  dataset.at = String((Number(dataset.at ?? 0) + 1) % 4);
});
byId('hear').addEventListener('click', hear);
byId('full').hidden = !document.fullscreenEnabled; // on iPhones
byId('full').addEventListener('click', () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else call.requestFullscreen();
});
for (const [menus, kind] of [['cameras', 'camera'], ['mics', 'mic']]) {
  for (const menu of document.querySelectorAll(`.${menus}`)) {
    menu.addEventListener('change', async () => {
      localStorage.setItem(kind, /** @type {HTMLSelectElement} */ (menu).value);
      await devices.change(kind);
    });
  }
}

await devices.open();
