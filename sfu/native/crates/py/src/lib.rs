//! `sfu._native`: conversions between Python values and the core's, and nothing else.
//!
//! Commands are fire-and-forget with a number; what comes back, answers included, is drained as a
//! list of tuples `(name, worker, ...)` whose shapes `sfu/_native.pyi` lists.

use pyo3::prelude::*;

mod command;
mod engine;
mod link;
mod names;
mod report;
mod sim;
mod stats;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<command::Command>()?;
    module.add_class::<engine::NativeEngine>()?;
    module.add_class::<sim::NativeSim>()?;
    module.add_function(wrap_pyfunction!(engine::interfaces, module)?)?;
    module.add("DROP_REASONS", stats::drop_reasons())?;
    Ok(())
}
