if (!document.hidden) {
  if (this.title0) document.title = this.title0;
  if (this.icon0) document.querySelector('link[rel=icon][type]').href = this.icon0;
  navigator.clearAppBadge?.();
  this.notification?.close();
  this.count = 0;
  this.title0 = this.icon0 = this.notification = this.hasCalled = null;
}
