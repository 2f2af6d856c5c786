using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TorchKv.Server.Contracts;

namespace TorchKv.Server.Errors;

/// <summary>Writes errors as OpenAI does.</summary>
internal static class ErrorAnswer
{
    /// <summary>The error object of an exception.</summary>
    public static ErrorResponse Of(ApiException error) => new()
    {
        Error = new ErrorDetail { Message = error.Message, Type = error.Type, Param = error.Param, Code = error.Code },
    };

    /// <summary>Answers with an error. Nothing may have been sent yet.</summary>
    public static Task WriteAsync(HttpContext context, ApiException error)
    {
        var response = context.Response;
        response.StatusCode = error.Status;
        response.ContentType = "application/json; charset=utf-8";
        if (error.RetryAfterSeconds is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        if (error.Status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }

        var body = JsonSerializer.SerializeToUtf8Bytes(Of(error), ServerJson.Answers.ErrorResponse);
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(body).AsTask();
    }
}
