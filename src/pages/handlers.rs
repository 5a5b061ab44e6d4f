//! The handlers of the pages for people, and of the files that they load.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::CONTENT_SECURITY_POLICY,
    web::{Data, Path},
};

use super::{
    HtmlPage, Policy, assets, console,
    html::{Fill, Html},
};
use crate::{
    db::Db,
    problem::{Kind, Problem, handlers::sample_document},
    system::{Draining, Pulse, check_readiness},
};

/// A page: its title, what is in its head beside that, and what it shows.
fn page(policy: Policy, title: &str, head: Html, main: Html) -> HtmlPage {
    let layout = include_str!("templates/layout.html");
    let html = Html::fill(
        layout,
        &[
            ("title", Fill::Text(title)),
            ("icon", Fill::Text(&assets::path("icon.svg"))),
            ("style", Fill::Text(&assets::path("page.css"))),
            ("version", Fill::Text(env!("CARGO_PKG_VERSION"))),
            ("head", Fill::Html(head)),
            ("main", Fill::Html(main)),
        ],
    );
    HtmlPage::new(html, policy)
}

/// `GET /` for people: a page that says what this server is, where to go, and whether it is well.
pub async fn show_home(draining: Data<Draining>, pulse: Data<Pulse>, db: Data<Db>) -> HtmlPage {
    let (mood, state) = match check_readiness(&draining, &pulse, &db).await {
        Ok(()) => ("well", "Ready: the database answers."),
        Err(_) => ("unwell", Kind::Unavailable.detail()),
    };
    let fills = [("mood", Fill::Text(mood)), ("state", Fill::Text(state))];
    page(Policy::Read, "Kennel", Html::default(), Html::fill(include_str!("templates/home.html"), &fills))
}

/// `GET /docs`: the OpenAPI contract in Swagger UI, to be read and tried.
pub async fn show_docs() -> HtmlPage {
    static PAGE: LazyLock<HtmlPage> = LazyLock::new(docs);
    PAGE.clone()
}

fn docs() -> HtmlPage {
    let head = Html::fill(
        include_str!("templates/docs-head.html"),
        &[
            ("their_style", Fill::Text(&assets::path("swagger-ui.css"))),
            ("our_style", Fill::Text(&assets::path("docs.css"))),
            ("their_script", Fill::Text(&assets::path("swagger-ui.js"))),
            ("our_script", Fill::Text(&assets::path("docs.js"))),
        ],
    );
    let licence = assets::path("swagger-ui-license.txt");
    let main = Html::fill(include_str!("templates/docs.html"), &[("licence", Fill::Text(&licence))]);
    page(Policy::Scripted, "Kennel: try it", head, main)
}

/// `GET /app`: the page of the console.
pub async fn show_console(request: HttpRequest) -> HttpResponse {
    let mut response = console::page().answer(&request);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, Policy::Console.value());
    response
}

/// `GET /app/{version}/{file}`: sends a file of the console.
///
/// # Errors
/// `not-found`, when there is no such file, or the console has another version.
pub async fn show_console_file(request: HttpRequest, path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (version, file) = path.into_inner();
    let file = console::find(&version, &file).ok_or(Kind::NotFound)?;
    Ok(file.answer(&request))
}

/// `GET /problems` for people: a page with every kind of problem.
pub async fn list_problems() -> HtmlPage {
    static PAGE: LazyLock<HtmlPage> = LazyLock::new(problems);
    PAGE.clone()
}

fn problems() -> HtmlPage {
    let row = |kind: &Kind| {
        let status = kind.status();
        let fills = [
            ("uri", Fill::Text(&kind.uri())),
            ("status", Fill::Text(status.as_str())),
            ("title", Fill::Text(kind.title())),
            ("meaning", Fill::Html(Html::prose(kind.meaning()))),
        ];
        Html::fill(include_str!("templates/problems-row.html"), &fills)
    };
    let rows = [("rows", Fill::Html(Kind::ALL.iter().map(row).collect()))];
    let main = Html::fill(include_str!("templates/problems.html"), &rows);
    page(Policy::Read, "Kennel: what can go wrong", Html::default(), main)
}

/// `GET /problems/{problem}` for people: a page about one kind of problem, by its slug, such as `not-found`.
///
/// # Errors
/// `not-found`, when there is no such kind.
pub async fn show_problem(slug: Path<String>) -> Result<HtmlPage, Problem> {
    let kind = Kind::named(&slug).ok_or(Kind::NotFound)?;
    let status = kind.status();
    let fills = [
        ("title", Fill::Text(kind.title())),
        ("status", Fill::Text(status.as_str())),
        ("reason", Fill::Text(status.canonical_reason().unwrap_or_default())),
        ("uri", Fill::Text(&kind.uri())),
        ("meaning", Fill::Html(Html::prose(kind.meaning()))),
        ("remedy", Fill::Html(Html::prose(kind.remedy()))),
        ("sample", Fill::Text(&sample_document(kind))),
    ];
    let main = Html::fill(include_str!("templates/problem.html"), &fills);
    Ok(page(Policy::Read, &format!("Kennel: {}", kind.title()), Html::default(), main))
}

/// `GET /assets/{asset}`: sends a file that pages load, by its name with the digest.
///
/// # Errors
/// `not-found`, when there is no such file.
pub async fn show_asset(request: HttpRequest, name: Path<String>) -> Result<HttpResponse, Problem> {
    let asset = assets::find(&name).ok_or(Kind::NotFound)?;
    Ok(asset.file.answer(&request))
}
