//! What a thread leaves behind when it panics: a word to who waits for it.

/// Calls a function when it is dropped by a panic.
pub(crate) struct PanicAlarm<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for PanicAlarm<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}
