using System.Runtime.InteropServices;
using TorchKv.Cli;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;

var console = CliConsole.OfProcess();
using var interrupt = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var onHangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);

// SIGXFSZ, 25 on Linux and macOS: a file would pass the limit that the shell has set. Without a handler that ends the
// process; with one the write fails, and is reported as any other.
using var onFileTooLarge = OperatingSystem.IsWindows()
    ? null
    : PosixSignalRegistration.Create((PosixSignal)25, context => context.Cancel = true);
return await CliApplication.RunAsync(args, console, interrupt.Token).ConfigureAwait(false);

// The first signal asks the command to stop and tidy up; a second one ends the process at once, as it would without a
// handler.
void Stop(PosixSignalContext context)
{
    context.Cancel = !interrupt.IsCancellationRequested;
    interrupt.Cancel();
    _ = ExitAsync();
}

// What cannot be cancelled, a read from a terminal for instance, does not keep the process. A conversation that is
// being saved does.
async Task ExitAsync()
{
    await Task.Delay(console.StopLimit).ConfigureAwait(false);
    await console.FinishedAsync().ConfigureAwait(false);
    Environment.Exit(ExitCodes.Interrupted);
}
