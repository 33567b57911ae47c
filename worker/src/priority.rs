//! The priority of threads that do tasks: they run only when the machine has nothing else to do, so that live streams on it do not
//! notice them. Programs that they start inherit it.

#[cfg(target_os = "linux")]
pub(crate) fn lower() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let outcome = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if let Err(error) = outcome {
        tracing::debug!("cannot lower the priority of a task: {error:?}");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn lower() {
    if let Err(error) = thread_priority::ThreadPriority::Min.set_for_current() {
        tracing::debug!("cannot lower the priority of a task: {error:?}");
    }
}
