//! What every runtime and its sockets have to do for a chat, as cases that run on any.
//!
//! A runtime that implements [`Network`](chinwag_core::sockets::Network) runs all of them with one line in its
//! `tests/`; any other one implements [`Harness`].
//!
//! ```text
//! chinwag_testkit::conformance!(sockets: SmolRuntime::current());
//! ```
//!
//! A case that takes longer than [`TIME_LIMIT`] hangs, and fails. Nothing else fails for being slow.

mod cases;
mod chat;
mod faults;
mod harness;
mod irc;
mod rooms;
mod run;
mod sockets;
mod timers;
mod watched;

pub use cases::*;
pub use chat::lost;
pub use faults::*;
#[cfg(unix)]
pub use harness::Unix;
pub use harness::{Harness, Memory, Resources, Tcp};
pub use irc::*;
pub use rooms::*;
pub use run::{TIME_LIMIT, alone, in_time, run};
pub use sockets::*;
pub use timers::*;

/// Makes a test of each case, on TCP and Unix sockets of a runtime, or on any list of [`Harness`]es, on
/// which each case then runs in turn.
#[macro_export]
macro_rules! conformance {
    (sockets: $runtime:expr) => {
        mod tcp {
            #[allow(unused_imports)]
            use super::*;
            $crate::conformance!([$crate::conformance::Tcp($runtime)]);
            $crate::conformance!(@test [$crate::conformance::Tcp($runtime)];
                an_address_has_one_listener
                a_dropped_bind_leaves_the_address_free
                the_original_client_is_served
                a_busy_task_starves_nothing
                accepted_sockets_are_tuned
                a_connection_stays_small
            );
            #[cfg(any(target_os = "linux", target_os = "android"))]
            $crate::conformance!(@test [$crate::conformance::Tcp($runtime)];
                an_address_is_shared_by_servers
            );
        }
        #[cfg(unix)]
        mod unix {
            #[allow(unused_imports)]
            use super::*;
            $crate::conformance!([$crate::conformance::Unix($runtime)]);
            $crate::conformance!(@test [$crate::conformance::Unix($runtime)];
                the_original_client_is_served
                a_busy_task_starves_nothing
                a_socket_file_is_replaced_and_removed_with_care
                one_server_listens_on_tcp_and_unix_sockets
                clients_connect_by_whatever_leads_there
                a_dropped_connect_leaves_nothing
            );
        }
    };
    ($harnesses:expr) => {
        $crate::conformance!(@test $harnesses;
            users_register_list_and_talk
            a_command_in_single_bytes
            many_commands_in_one_segment
            blocked_writes_lose_nothing
            both_directions_blocked_at_once
            slices_are_written_in_order
            the_peer_closes_its_half
            the_server_closes_its_half
            the_end_follows_the_good_bye
            bytes_after_the_good_bye_do_no_harm
            a_reset_frees_the_name
            only_the_slow_reader_is_closed
            four_senders_keep_their_order
            everyone_talks_to_everyone
            a_client_is_used_by_several_tasks
            who_does_not_register_is_told
            who_is_idle_is_told
            timers_fire_when_they_should
            the_last_waker_counts
            a_dropped_sleep_leaves_nothing
            a_dropped_accept_loses_nobody
            a_shutdown_delivers_everything
            a_shutdown_ends_by_its_deadline
            a_dropped_server_closes_everything
            the_next_server_takes_the_address
            spawned_tasks_are_detached
            a_panic_harms_nobody_else
            one_connection_too_many_is_told
            one_of_a_thousand_gets_the_name
            servers_on_two_runtimes_share_a_hub
            a_room_has_one_order
            a_stuck_member_costs_the_others_nothing
            presence_is_told_once
            an_in_process_user_is_a_member_like_others
            a_check_of_names_harms_nobody_else
            a_thread_of_the_program_reaches_everybody
            closing_a_hub_ends_everything
            a_handle_ends_its_own_server
            irc_in_single_bytes
            irc_in_one_burst
            irc_and_line_share_one_order
            irc_a_stuck_client_costs_the_others_nothing
            irc_who_is_silent_is_asked
            irc_who_does_not_register_is_told
            irc_a_reset_frees_the_nick
            irc_a_shutdown_says_good_bye
        );
        $crate::conformance!(@alone $harnesses;
            accept_survives_the_open_file_limit
            a_hundred_servers_leave_nothing_behind
        );
    };
    // What must not harm a server, on TCP sockets of a runtime.
    (faults: $runtime:expr) => {
        $crate::conformance!(@test [$crate::conformance::Tcp($runtime)];
            slowloris
            a_byte_now_and_then
            garbage
            a_storm_of_resets
            half_closed_peers
            silent_peers
            races_for_one_name
            churn_in_a_large_room
            a_clock_that_jumps
            a_calendar_that_jumps
        );
        $crate::conformance!(@alone [$crate::conformance::Tcp($runtime)];
            a_line_without_end
            a_reader_that_never_reads
            replies_that_nobody_reads
            lists_of_thousands
            no_more_files
        );
    };
    (@test $harnesses:expr; $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::run($harnesses, $crate::conformance::$case);
            }
        )+
    };
    // What has to do with the whole process runs in one of its own.
    (@alone $harnesses:expr; $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::alone(concat!(module_path!(), "::", stringify!($case)), || {
                    $crate::conformance::run($harnesses, $crate::conformance::$case);
                });
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    /// A case that is in no list would never run.
    #[test]
    fn every_case_is_listed() {
        let list = include_str!("mod.rs");
        for cases in [
            include_str!("cases.rs"),
            include_str!("faults.rs"),
            include_str!("irc.rs"),
            include_str!("rooms.rs"),
            include_str!("sockets.rs"),
            include_str!("timers.rs"),
        ] {
            let names = cases.split("\npub async fn ").skip(1);
            let names: Vec<_> = names.map(|case| case.split('<').next().unwrap()).collect();
            assert!(!names.is_empty());
            for name in names {
                assert!(
                    list.contains(&format!("  {name}\n")),
                    "{name} is in no list"
                );
            }
        }
    }
}
