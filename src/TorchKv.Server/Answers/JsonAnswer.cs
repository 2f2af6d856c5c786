using Microsoft.AspNetCore.Http;

namespace TorchKv.Server.Answers;

/// <summary>Writes a whole answer.</summary>
internal static class JsonAnswer
{
    /// <summary>Answers with JSON.</summary>
    public static Task WriteAsync(HttpContext context, byte[] json)
    {
        var response = context.Response;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = json.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(
            json,
            context.RequestAborted).AsTask();
    }
}
