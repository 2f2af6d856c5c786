using System.Runtime.InteropServices;
using TorchKv.Cli;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;

var console = CliConsole.OfProcess();
using var interrupt = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return await CliApplication.RunAsync(args, console, interrupt.Token).ConfigureAwait(false);

// The first signal asks the command to stop and tidy up; a second one ends the process at once, as it would without a
// handler.
void Stop(PosixSignalContext context)
{
    context.Cancel = !interrupt.IsCancellationRequested;
    interrupt.Cancel();

    // What cannot be cancelled, a read from a terminal for one, does not keep the process.
    _ = Task.Delay(console.StopLimit).ContinueWith(
        _ => Environment.Exit(ExitCodes.Interrupted), TaskScheduler.Default);
}
