using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace TorchKv.Router.Tests.Support;

/// <summary>An answer that a fake replica is to give.</summary>
internal sealed class FakeAnswer(HttpContext context, IReadOnlyList<string> events)
{
    public HttpContext Context => context;

    public IReadOnlyList<string> Events => events;

    /// <summary>Sends the first events; all of them where no number is given.</summary>
    public async Task SendAsync(int count = int.MaxValue)
    {
        context.Response.ContentType = "text/event-stream";
        foreach (var e in events.Take(count))
        {
            await SendAsync(e);
        }
    }

    public async Task SendAsync(string text)
    {
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    /// <summary>Breaks the connection.</summary>
    public async Task BreakAsync()
    {
        // What was written before is on its way.
        await Task.Delay(20);
        context.Abort();
    }

    /// <summary>Says nothing until the connection is closed.</summary>
    public Task HangAsync() => Task.Delay(Timeout.Infinite, context.RequestAborted);

    /// <summary>Answers with an error.</summary>
    public Task RefuseAsync(int status, string code, string? param = null)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(JsonSerializer.Serialize(
            new { error = new { message = "no", type = "t", param, code } }));
    }
}
