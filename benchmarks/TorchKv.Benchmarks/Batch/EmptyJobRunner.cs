using System.Globalization;
using System.Text;
using System.Text.Json;
using TorchKv.Batch.Lines;
using TorchKv.Batch.Store;
using TorchKv.Batch.Work;

namespace TorchKv.Benchmarks.Batch;

/// <summary>
/// An engine that computes nothing: a job's answer is a number made of its own. A job may take a time, and may end the
/// process.
/// </summary>
/// <param name="time">How long each job takes.</param>
internal sealed class EmptyJobRunner(TimeSpan time) : IJobRunner
{
    public bool IsBusy => false;

    /// <summary>The body of a job.</summary>
    public static string Body(int number, bool isPoison = false) => string.Create(
        CultureInfo.InvariantCulture, $"{{\"number\":{number},\"poison\":{(isPoison ? "true" : "false")}}}");

    /// <summary>The answer to it.</summary>
    public static string Answer(int number) => string.Create(
        CultureInfo.InvariantCulture, $"{{\"answer\":{((long)number * 2654435761) % 1000000007}}}");

    public Task ReadyAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task<JobOutcome> RunAsync(Job job, CancellationToken cancellationToken)
    {
        using var body = JsonDocument.Parse(job.Body);
        if (body.RootElement.GetProperty("poison").GetBoolean())
        {
            Signals.Send(Environment.ProcessId, Signals.Kill);
        }

        if (time > TimeSpan.Zero)
        {
            await Task.Delay(time, cancellationToken);
        }

        var name = LineName.OfText(string.Create(CultureInfo.InvariantCulture, $"{job.Batch.Id}:{job.Line}"));
        var answer = Answer(body.RootElement.GetProperty("number").GetInt32());
        return new JobOutcome(new JobResult(
            job.Line,
            IsAnswer: true,
            BatchRecord.OfAnswer(name.ToString(), job.CustomId, 200, Encoding.UTF8.GetBytes(answer))));
    }
}
