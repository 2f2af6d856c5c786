using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Edges.Tests.Support;

/// <summary>HAProxy or nginx with its file of deploy/, on a free port.</summary>
internal sealed class RunningEdge : IDisposable
{
    private const int Terminate = 15;
    private const int Attempts = 5;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly TemporaryFolder _folder = new();
    private readonly StringBuilder _errors = new();
    private Process _process = null!;

    private RunningEdge()
    {
    }

    /// <summary>A client that opens a new connection when it needs one, as many as it likes.</summary>
    public HttpClient Client { get; private set; } = null!;

    /// <summary>Starts the program before servers on the given ports.</summary>
    public static async Task<RunningEdge> StartAsync(EdgeProgram program, params int[] servers)
    {
        Assert.SkipWhen(program.Path is null, program.Missing);
        for (var attempt = 1; ; attempt++)
        {
            // The port may be taken by another program before this one listens on it; then another is tried.
            var edge = new RunningEdge();
            if (await edge.TryStartAsync(program, FreePort(), servers))
            {
                return edge;
            }

            var errors = edge.Errors;
            edge.Dispose();
            Assert.True(attempt < Attempts, $"{program.Name} did not start: {errors}");
        }
    }

    /// <summary>Asks for a completion.</summary>
    /// <param name="conversation">The header X-Conversation-Id; null: none.</param>
    /// <param name="key">The API key; null: none.</param>
    /// <param name="body">The request.</param>
    public async Task<HttpResponseMessage> AskAsync(
        string? conversation, string? key = null, string body = FakeReplica.AnswersAtOnce)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        if (conversation is not null)
        {
            request.Headers.Add("X-Conversation-Id", conversation);
        }

        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>The name of the fake server that answers a request.</summary>
    public async Task<string> ServerOf(string? conversation, string? key = null)
    {
        using var answer = await AskAsync(conversation, key);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{(int)answer.StatusCode}. {Errors}");
        await answer.Content.ReadAsByteArrayAsync();
        return answer.Headers.GetValues(FakeReplica.NameHeader).Single();
    }

    public void Dispose()
    {
        Client?.Dispose();
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, Terminate);
            if (!_process.WaitForExit(5000))
            {
                _process.Kill(entireProcessTree: true);
                _process.WaitForExit();
            }
        }

        _process.Dispose();
        _folder.Dispose();
    }

    private string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    private async Task<bool> TryStartAsync(EdgeProgram program, int port, int[] servers)
    {
        var file = _folder[program.File];
        await File.WriteAllTextAsync(
            file, EdgeFile.Text(RepositoryFiles.At("deploy", program.File), port, servers, _folder.Path));
        _process = Process.Start(new ProcessStartInfo(program.Path!, program.Arguments(file, checks: false))
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.AppendLine(line.Data);
            }
        };
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        Client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromMinutes(2) };
        var began = Stopwatch.GetTimestamp();
        while (!await Listens(port))
        {
            if (_process.HasExited || Stopwatch.GetElapsedTime(began) > s_limit)
            {
                return false;
            }

            await Task.Delay(20);
        }

        return true;
    }

    private static async Task<bool> Listens(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);
}
