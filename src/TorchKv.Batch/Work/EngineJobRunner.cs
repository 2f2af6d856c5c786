using System.Globalization;
using TorchKv.Batch.Lines;
using TorchKv.Batch.Store;
using TorchKv.Server.InProcess;
using TorchKv.Server.Models;
using TorchKv.Server.Running;
using TorchKv.Server.Security;

namespace TorchKv.Batch.Work;

/// <summary>Runs jobs on the server's engine, at the lowest priority and under the salt of their batch's key.</summary>
internal sealed class EngineJobRunner(InProcessCalls calls, ApiKeys keys, Drain drain, ModelHost models) : IJobRunner
{
    public bool IsBusy => drain.Active > 0;

    public Task ReadyAsync(CancellationToken cancellationToken) => models.Loaded.WaitAsync(cancellationToken);

    public async Task<JobOutcome> RunAsync(Job job, CancellationToken cancellationToken)
    {
        var name = LineName.OfText(string.Create(CultureInfo.InvariantCulture, $"{job.Batch.Id}:{job.Line}"));
        var key = job.Batch.Tenant.Length > 0 ? keys.OfTenant(job.Batch.Tenant) : null;
        if (key is null && job.Batch.Tenant.Length > 0)
        {
            return new JobOutcome(new JobResult(
                job.Line,
                IsAnswer: false,
                BatchRecord.OfError(
                    name.ToString(),
                    job.CustomId,
                    "invalid_api_key",
                    "The key that made this batch is no longer known here.")));
        }

        var call = new RepeatableCall(name.ToString(), name.Seed, job.Batch.Created, LeastPriority: int.MaxValue);
        var answer = await calls.AnswerAsync(job.Batch.Endpoint, job.Body, key, call, cancellationToken)
            .ConfigureAwait(false);
        return answer.IsOfTheMoment ? default : new JobOutcome(
            new JobResult(
                job.Line,
                answer.Status == 200,
                BatchRecord.OfAnswer(name.ToString(), job.CustomId, answer.Status, answer.Body.Span)),
            IsServersFault: answer.Status == 500);
    }
}
