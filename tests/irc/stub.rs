#![allow(unused)]
pub(crate) struct Irc;
pub(crate) struct B;
impl Irc {
    pub(crate) fn builder() -> B {
        B
    }
}
impl B {
    pub(crate) fn server_name(self, _: &str) -> B {
        B
    }
    pub(crate) fn network_name(self, _: &str) -> B {
        B
    }
    pub(crate) fn password(self, _: &str) -> B {
        B
    }
    pub(crate) fn motd(self, _: String) -> B {
        B
    }
    pub(crate) fn sasl(self, _: bool) -> B {
        B
    }
    pub(crate) fn created(self, _: std::time::SystemTime) -> B {
        B
    }
    pub(crate) fn keep_alive(self, _: std::time::Duration, _: std::time::Duration) -> B {
        B
    }
    pub(crate) fn build(self) -> chinwag::wire::Line {
        chinwag::wire::Line::default()
    }
}
