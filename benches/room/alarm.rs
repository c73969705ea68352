//! Wakes the load when its next line is due, to some microseconds: a poll's own timeout is in whole
//! milliseconds, so lines would go out in bunches, which are cheaper to pass on than single ones.

use std::io;
use std::time::Duration;

use mio::{Poll, Token};

/// What the poll tells when it rings.
pub const ALARM: Token = Token(usize::MAX - 1);

#[cfg(target_os = "linux")]
pub struct Alarm(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Alarm {
    pub fn new(poll: &Poll) -> io::Result<Alarm> {
        use std::os::fd::AsRawFd;

        use mio::Interest;
        use mio::unix::SourceFd;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), ALARM, Interest::READABLE)?;
        Ok(Alarm(timer))
    }

    /// Rings after `wait`, unless that is nothing, and not when it was to ring before.
    pub fn ring_in(&self, wait: Duration) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        let once = Itimerspec { it_interval: zero, it_value: value };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

/// Elsewhere, the poll's own timeout has to do.
#[cfg(not(target_os = "linux"))]
pub struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub fn new(_: &Poll) -> io::Result<Alarm> {
        Ok(Alarm)
    }

    pub fn ring_in(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}
